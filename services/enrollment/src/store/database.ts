import type { Sequelize } from 'sequelize'
import { type DatabaseOptions, openDatabase } from '#kit/database.ts'
import type { Logger } from '#kit/logger.ts'

/** The pool of connections to the service's tables. */
export function openEnrollmentDatabase(
  url: string,
  logger: Logger,
  options: DatabaseOptions = {},
): Sequelize {
  const database = openDatabase(url, 'enrollment', logger, options)
  database.addHook('afterConnect', async (connection) => {
    await (connection as Connection).query(planSettings)
  })
  return database
}

type Connection = { query(statement: string): Promise<unknown> }

// Every list here is walked along the index that has its order. Right after an import the planner's statistics say that a program
// has a handful of rows, and it would collect and sort all that are left for each batch.
const planSettings = 'set enable_bitmapscan = off'
