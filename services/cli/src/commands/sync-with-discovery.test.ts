import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const { syncWithDiscovery, ensureReportGroups } = CatalogService.method
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => {
  services.reset()
  services.answer(syncWithDiscovery, () => ({
    organizations: { created: 2, updated: 1, unchanged: 7 },
    programs: { created: 3, skipped: 4 },
    problems: ['Program x cannot have the key cs.'],
  }))
  services.answer(ensureReportGroups, () => ({
    groups: { created: 5, unchanged: 8 },
    problems: ['Group y was not made.'],
  }))
})
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> =>
  runRegistrar(['sync-with-discovery', ...args], services.env)

test('the catalog is synchronised, then the groups, and all is told', async () => {
  expect(await run()).toEqual({
    exitCode: 0,
    stdout: [
      'Organizations: 2 created, 1 updated, 7 unchanged, 0 skipped.',
      'Programs: 3 created, 0 updated, 0 unchanged, 4 skipped.',
      'Groups of report readers: 5 created, 0 updated, 8 unchanged, 0 skipped.',
      'Program x cannot have the key cs.',
      'Group y was not made.',
      'Sync with Discovery Service complete!',
      '',
    ].join('\n'),
    stderr: '',
  })
  expect(services.calls.map(({ rpc, caller }) => [rpc, caller])).toEqual([
    ['SyncWithDiscovery', 'operator'],
    ['EnsureReportGroups', 'operator'],
  ])
})

test('the counts can be read by programs', async () => {
  expect(JSON.parse((await run('--json')).stdout)).toMatchObject({
    catalog: { organizations: { created: 2, unchanged: 7 }, problems: ['Program x cannot have the key cs.'] },
    groups: { groups: { created: 5 }, problems: ['Group y was not made.'] },
  })
})

test('when Discovery cannot be read nothing else is done', async () => {
  services.answer(syncWithDiscovery, () => {
    throw new DomainError(Reason.UPSTREAM_UNAVAILABLE, 'The Discovery cannot be reached.')
  })
  expect(await run()).toEqual({ exitCode: 1, stdout: '', stderr: 'The Discovery cannot be reached.\n' })
  expect(services.calls.map(({ rpc }) => rpc)).toEqual(['SyncWithDiscovery'])
})

test('when only the groups are missing it is said how to finish', async () => {
  services.answer(ensureReportGroups, () => {
    throw new DomainError(Reason.UNAVAILABLE, 'a part of this system is away')
  })
  const { exitCode, stdout, stderr } = await run()
  expect([exitCode, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^Organizations and programs were taken over, .* Run this again to finish\.\n$/)
})
