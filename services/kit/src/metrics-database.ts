import { Gauge, Histogram } from 'prom-client'
import type { Sequelize } from 'sequelize'
import type { Metrics } from './metrics.ts'

type Pool = { available: number; using: number; waiting: number; maxSize: number }

const buckets = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10]

/** `db_client_…`: how the pool of connections stands, and how long statements wait for one. */
export function measurePool({ registry }: Metrics, database: Sequelize): void {
  const registers = [registry]
  const { pool } = database.connectionManager as unknown as { pool: Pool }
  new Gauge({
    name: 'db_client_connections',
    help: 'Connections to PostgreSQL that are open, by whether a statement or transaction uses them.',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'used' }, pool.using)
      this.set({ state: 'idle' }, pool.available)
    },
  })
  new Gauge({
    name: 'db_client_connections_max',
    help: 'Connections that the pool opens at most: DATABASE_POOL_SIZE.',
    registers,
  }).set(pool.maxSize)
  new Gauge({
    name: 'db_client_connections_waiting',
    help: 'Statements and transactions that wait for a connection.',
    registers,
    collect() {
      this.set(pool.waiting)
    },
  })
  const waits = new Histogram({
    name: 'db_client_connection_wait_seconds',
    help: 'How long statements and transactions waited until they had a connection.',
    ...{ buckets, registers },
  })
  const askedAt = new WeakMap<object, number>()
  database.addHook('beforePoolAcquire', (options) => void askedAt.set(options, performance.now()))
  database.addHook('afterPoolAcquire', (_, options) => {
    waits.observe((performance.now() - (askedAt.get(options) as number)) / 1_000)
  })
}
