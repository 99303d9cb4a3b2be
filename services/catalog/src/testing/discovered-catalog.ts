import { expect } from 'vitest'
import { startTestCatalog, type TestCatalog } from './catalog.ts'
import { type ProgramJson, startTestDiscovery, type TestDiscovery } from './discovery.ts'

type CatalogClient = TestCatalog['operator']

/** A catalog with one organization, `stem`, whose programs a Discovery knows that tests fill. */
export type DiscoveredCatalog = {
  discovery: TestDiscovery
  catalog: TestCatalog
  root: CatalogClient
  /** Makes a program of which the catalog knows nothing but its id in Discovery. */
  makeProgram(key: string, json?: ProgramJson): Promise<ProgramJson>
  titleOf(key: string): Promise<string | undefined>
  /** Waits until nothing is being fetched any more. */
  settle(): Promise<void>
  stop(): Promise<void>
}

export async function startDiscoveredCatalog(): Promise<DiscoveredCatalog> {
  const discovery = await startTestDiscovery()
  const catalog = await startTestCatalog(discovery.settings)
  await catalog.makeOrganization('stem')
  return {
    discovery,
    catalog,
    root: catalog.as('root', { superuser: true }),
    async makeProgram(key, json = discovery.add()) {
      await catalog.operator.createProgram({ key, organizationKey: 'stem', discoveryUuid: json.uuid })
      return json
    },
    async titleOf(key) {
      return (await catalog.operator.getProgram({ key })).program?.title
    },
    async settle() {
      const claims = () => catalog.sql('select 1 from program_details where claim is not null')
      await expect.poll(claims, { timeout: 40_000 }).toEqual([])
    },
    async stop() {
      await catalog.stop()
      await discovery.stop()
    },
  }
}
