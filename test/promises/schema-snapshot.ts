import type pg from 'pg'

/** What code can meet of a schema: what it may name, what it must give, what may refuse it. By names that last. */
export type Snapshot = {
  /** `table.column` → type, whether a row must bring it. */
  columns: Map<string, Column>
  /** Unique indexes, constraints and triggers on tables: `table: definition` → the columns that it is about. */
  conditions: Map<string, Condition>
  /** Views and functions by name, with their arguments. */
  others: Set<string>
}

type Column = { type: string; mustBeGiven: boolean }
type Condition = { table: string; columns: readonly string[] }

const columnsQuery = `
  select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
    a.attnotnull and not a.atthasdef and a.attidentity = '' as must_be_given
  from pg_class c join pg_attribute a on a.attrelid = c.oid
  where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped`

const columnNames = (keys: string) => `array(
  select attname::text from pg_attribute where attrelid = t.oid and attnum = any (${keys}))`

const conditionsQuery = `
  select t.relname as table, pg_get_constraintdef(c.oid) as definition, ${columnNames('c.conkey')} as columns
  from pg_constraint c join pg_class t on t.oid = c.conrelid
  where t.relnamespace = $1::regnamespace and c.contype in ('c', 'f', 'u', 'p', 'x')
  union all
  select t.relname, regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX \\S+ ON ', ' INDEX ON '),
    ${columnNames('i.indkey')}
  from pg_index i join pg_class t on t.oid = i.indrelid
  where t.relnamespace = $1::regnamespace and i.indisunique
  union all
  select t.relname, pg_get_triggerdef(g.oid), '{}'::text[]
  from pg_trigger g join pg_class t on t.oid = g.tgrelid
  where t.relnamespace = $1::regnamespace and not g.tgisinternal`

const othersQuery = `
  select relname::text as name from pg_class where relnamespace = $1::regnamespace and relkind in ('v', 'm')
  union all
  select proname || '(' || pg_get_function_identity_arguments(oid) || ')' from pg_proc where pronamespace = $1::regnamespace`

export async function takeSnapshot(client: pg.Client, schema: string): Promise<Snapshot> {
  const rowsOf = async <Row extends pg.QueryResultRow>(query: string) =>
    (await client.query<Row>(query, [schema])).rows
  const columns = await rowsOf<{ table: string; name: string; type: string; must_be_given: boolean }>(
    columnsQuery,
  )
  const conditions = await rowsOf<{ table: string; definition: string; columns: string[] }>(conditionsQuery)
  const others = await rowsOf<{ name: string }>(othersQuery)
  return {
    columns: new Map(
      columns.map(({ table, name, type, must_be_given: mustBeGiven }) => [
        `${table}.${name}`,
        { type, mustBeGiven },
      ]),
    ),
    conditions: new Map(
      conditions.map(({ table, definition, columns: about }) => [
        `${table}: ${definition}`,
        { table, columns: about },
      ]),
    ),
    others: new Set(others.map(({ name }) => name)),
  }
}

/** What code that knows the schema as it was before could stumble over, in sentences; empty when it runs as before. */
export function obstacles(before: Snapshot, after: Snapshot): string[] {
  const tablesBefore = new Set([...before.columns.keys()].map((name) => name.split('.', 1)[0]))
  const isOld = (table: string) => tablesBefore.has(table)
  const faults: string[] = []
  for (const [name, { type, mustBeGiven }] of before.columns) {
    const now = after.columns.get(name)
    if (now === undefined) faults.push(`${name} is gone`)
    else if (now.type !== type) faults.push(`${name} was ${type} and is ${now.type}`)
    else if (now.mustBeGiven && !mustBeGiven) faults.push(`${name} must be given now`)
  }
  for (const [name, { mustBeGiven }] of after.columns) {
    const isNew = !before.columns.has(name)
    if (isNew && mustBeGiven && isOld(name.split('.', 1)[0] as string)) {
      faults.push(`${name} is new and must be given`)
    }
  }
  for (const [name, { table, columns }] of after.conditions) {
    if (before.conditions.has(name) || !isOld(table)) continue
    // One about a column that the code before leaves empty does not concern what it writes.
    const isAboutNew = columns.some((column) => !before.columns.has(`${table}.${column}`))
    if (!isAboutNew) faults.push(`new condition on ${name}`)
  }
  for (const name of before.others) if (!after.others.has(name)) faults.push(`${name} is gone`)
  return faults
}
