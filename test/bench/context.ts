import pg from 'pg'
import { createSchool, type School } from '../fixtures/school.ts'
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

/** A school of six programs, and the token of a partner who may read and write all of them. */
export async function createListedSchool(world: World): Promise<{ school: School; token: string }> {
  const school = await createSchool(world)
  const token = await school.partner('organization_read_write_enrollments')
  for (const name of ['masters-2', 'masters-3', 'masters-4', 'micro-2']) {
    await world.operator.catalog.createProgram({
      key: `${school.key}-${name}`,
      organizationKey: school.key,
      type: name.startsWith('masters') ? 'Masters' : 'MicroMasters',
    })
  }
  return { school, token }
}
