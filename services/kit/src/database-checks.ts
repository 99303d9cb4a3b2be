import type { Sequelize } from 'sequelize'
import { assertMigrated } from './migrate.ts'
import type { Checks } from './readiness.ts'

/** What a process with a database needs to be ready: the database, and in it all of its migrations. */
export function databaseChecks(database: Sequelize, migrations: URL): Checks {
  return {
    database: () => database.authenticate(),
    migrations: () => assertMigrated(database, migrations),
  }
}
