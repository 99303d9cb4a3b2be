import { readProcessConfig } from '#kit/process-config.ts'
import { wholeNumber } from '#kit/settings.ts'
import { readUpstream, upstreamSpecs } from '#kit/upstream-settings.ts'

/**
 * The settings of the catalog: CATALOG_HOST, CATALOG_PORT, ACCESS_CONTROL_URL, the database, what tokens are verified with, and
 * where Discovery is, if there is one.
 */
export async function readCatalogConfig(env: NodeJS.ProcessEnv) {
  const config = await readProcessConfig(env, {
    name: 'catalog',
    needs: ['listen', 'database', 'jwt'],
    peers: ['access-control'],
    own: {
      ...upstreamSpecs(env, 'DISCOVERY_BASE_URL'),
      PROGRAM_CACHE_TIMEOUT: wholeNumber({ min: 1, max: 31_536_000, default: 86_400, unit: 'seconds' }),
      GRANTS_CACHE_TIMEOUT: wholeNumber({ min: 0, max: 60, default: 0, unit: 'seconds' }),
    },
  })
  const { own } = config
  return {
    ...config,
    discovery: readUpstream(own, 'DISCOVERY_BASE_URL'),
    freshSeconds: own.PROGRAM_CACHE_TIMEOUT,
    grantsForMs: own.GRANTS_CACHE_TIMEOUT * 1_000,
  }
}
