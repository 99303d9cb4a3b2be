import pg from 'pg'
import { Sequelize } from 'sequelize'
import { signalOfCall } from './call-signal.ts'
import { PooledClient } from './database-client.ts'
import { createPulse } from './database-pulse.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { measurePool } from './metrics-database.ts'

export type DatabaseOptions = {
  /** How many connections the pool opens at most; 10 by default. */
  poolSize?: number
  /** How long a statement may run, in milliseconds; 30 seconds by default. */
  statementTimeoutMs?: number
  /** Measures the pool; nothing is measured when absent. */
  metrics?: Metrics
}

/**
 * A pool of connections to PostgreSQL that see one schema: `schema` is the whole search path.
 *
 * It opens connections when they are needed and replaces those that broke, so it can be made before the database is up. While the
 * server does not answer, what needs it fails at once. The statements of an RPC end with it: see `signalOfCall`.
 *
 * Statements are logged on level trace, without their values.
 */
export function openDatabase(
  url: string,
  schema: string,
  logger: Logger,
  options: DatabaseOptions = {},
): Sequelize {
  const address = new URL(url)
  // Options in the address would take the place of ours.
  const given = address.searchParams.get('options') ?? ''
  address.searchParams.delete('options')
  let connecting: pg.ClientConfig = {}
  const pulse = createPulse(() => connecting, logger)
  class Client extends PooledClient {
    constructor(settings: pg.ClientConfig) {
      super(settings, pulse)
      connecting = settings
    }
  }
  const database = new Sequelize(address.href, {
    dialect: 'postgres',
    dialectModule: { ...pg, Client },
    logging: logger.isLevelEnabled('trace')
      ? (statement) => logger.trace({ statement: withoutValues(statement) }, 'sql')
      : false,
    pool: { max: options.poolSize ?? 10, min: 0, idle: 30_000, acquire: 5_000, evict: 5_000 },
    dialectOptions: {
      application_name: `registrar ${schema}`,
      options: `${given} -c search_path=${schema}`.trim(),
      statement_timeout: options.statementTimeoutMs ?? 30_000,
      idle_in_transaction_session_timeout: 60_000,
      keepAlive: true,
      connectionTimeoutMillis: 4_000,
    },
    define: { underscored: true, timestamps: false, freezeTableName: true },
  })
  database.addHook('beforePoolAcquire', () => pulse.assertAlive())
  database.addHook('afterPoolAcquire', (client) => (client as PooledClient).lendTo(signalOfCall()))
  if (options.metrics !== undefined) measurePool(options.metrics, database)
  const close = database.close.bind(database)
  database.close = () => {
    pulse.stop()
    return close()
  }
  return database
}

/**
 * Lends a connection of the pool for what Sequelize does not do: cursors, COPY. It is given back when `use` settles, so
 * nothing may be left running on it.
 */
export async function withClient<T>(database: Sequelize, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const pool = database.connectionManager as unknown as {
    getConnection(options: { type: 'write' }): Promise<pg.Client>
    releaseConnection(client: pg.Client): void
  }
  const client = await pool.getConnection({ type: 'write' })
  try {
    return await use(client)
  } finally {
    pool.releaseConnection(client)
  }
}

// Sequelize writes some values into the statement itself.
function withoutValues(statement: string): string {
  return statement.replaceAll(/'(?:[^']|'')*'/g, "'…'").slice(0, 2_000)
}
