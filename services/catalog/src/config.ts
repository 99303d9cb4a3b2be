import { readProcessConfig } from '#kit/process-config.ts'

/** The settings of the catalog: CATALOG_HOST, CATALOG_PORT, ACCESS_CONTROL_URL, the database and what tokens are verified with. */
export function readCatalogConfig(env: NodeJS.ProcessEnv) {
  return readProcessConfig(env, {
    name: 'catalog',
    needs: ['listen', 'database', 'jwt'],
    peers: ['access-control'],
  })
}
