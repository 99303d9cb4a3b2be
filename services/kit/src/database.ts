import pg from 'pg'
import { Sequelize } from 'sequelize'
import type { Logger } from './logger.ts'

export type DatabaseOptions = {
  /** How many connections the pool opens at most; 10 by default. */
  poolSize?: number
  /** How long a statement may run, in milliseconds; 30 seconds by default. */
  statementTimeoutMs?: number
}

/**
 * A pool of connections to PostgreSQL that see one schema: `schema` is the whole search path.
 *
 * It opens connections when they are needed and replaces those that broke, so it can be made before the database is up.
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
  return new Sequelize(address.href, {
    dialect: 'postgres',
    dialectModule: { ...pg, Client: GuardedClient },
    logging: logger.isLevelEnabled('trace')
      ? (statement) => logger.trace({ statement: withoutValues(statement) }, 'sql')
      : false,
    pool: { max: options.poolSize ?? 10, min: 0, idle: 30_000, acquire: 10_000, evict: 5_000 },
    dialectOptions: {
      application_name: `registrar ${schema}`,
      options: `${given} -c search_path=${schema}`.trim(),
      statement_timeout: options.statementTimeoutMs ?? 30_000,
      idle_in_transaction_session_timeout: 60_000,
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    },
    define: { underscored: true, timestamps: false, freezeTableName: true },
  })
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

// Sequelize listens for a connection's errors only some time after it was opened. A server that goes away in between would end the
// process; the next statement on the connection reports the loss.
class GuardedClient extends pg.Client {
  constructor(...settings: ConstructorParameters<typeof pg.Client>) {
    super(...settings)
    this.on('error', () => {})
  }
}

// Sequelize writes some values into the statement itself.
function withoutValues(statement: string): string {
  return statement.replaceAll(/'(?:[^']|'')*'/g, "'…'").slice(0, 2_000)
}
