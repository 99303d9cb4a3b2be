import fc from 'fast-check'
import { expect, test } from 'vitest'
import { summaryOf } from './tracing-sql.ts'

test.each([
  ['SELECT 1', 'SELECT', undefined],
  ['select p.id from programs p join organizations o on true', 'SELECT', 'programs'],
  ['SELECT "id" FROM "jobs" AS "Job" WHERE "Job"."id" = $1', 'SELECT', 'jobs'],
  ['select extract(epoch from created_at) from jobs', 'SELECT', 'jobs'],
  [`select d.failure is distinct from 'missing' as due from programs`, 'SELECT', 'programs'],
  ['INSERT INTO "course_runs" ("key") VALUES ($1)', 'INSERT', 'course_runs'],
  ['UPDATE "catalog"."program_details" SET type = $1', 'UPDATE', 'program_details'],
  ['with seen as (select 1 from users) select * from seen', 'WITH', 'users'],
  ['START TRANSACTION;', 'START', undefined],
  [`-- from learners\nselect 1 /* from learners */ from jobs`, 'SELECT', 'jobs'],
  [`select $x$ from learners $x$, E'it\\'s from learners' from jobs`, 'SELECT', 'jobs'],
  [`select 'never closed from learners`, 'SELECT', undefined],
  ['', 'QUERY', undefined],
])('%j is %s %s', (text, operation, table) => {
  expect(summaryOf(text)).toEqual({ operation, table })
})

test('of a value that is written into the statement nothing is told', () => {
  const value = fc.string({ unit: fc.constantFrom("'", '\\', ' ', '"', '$', '\n', 'from ', 'secret') })
  fc.assert(
    fc.property(value, (text) => {
      const statement = `select * from ids where key = '${text.replaceAll("'", "''")}' or name = 'secret'`
      expect(summaryOf(statement)).toEqual({ operation: 'SELECT', table: 'ids' })
      const first = summaryOf(`select '${text.replaceAll("'", "''")}' as key from ids`)
      expect(JSON.stringify(first)).not.toContain('secret')
    }),
  )
})
