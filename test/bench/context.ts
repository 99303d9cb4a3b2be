import pg from 'pg'
import type { School } from '../fixtures/school.ts'
import type { TestStack } from '../fixtures/stack.ts'
import type { World } from '../fixtures/world.ts'

/** What every measurement gets: a running system with one school in it, and the same database without us in between. */
export type BenchContext = {
  system: TestStack
  world: World
  school: School
  /** Reads and writes enrollments of the school. */
  token: string
  databaseUrl: string
  /** Measure also what takes long. */
  isFull: boolean
}

/** A connection straight to the database, with a service's tables in sight. */
export async function connectDatabase(
  { databaseUrl }: Pick<BenchContext, 'databaseUrl'>,
  schema: string,
): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, options: `-c search_path=${schema}` })
  // Should the measurement break off, the database goes away under it; what broke it is told, not this.
  client.on('error', () => {})
  await client.connect()
  return client
}
