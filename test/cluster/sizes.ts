import pg from 'pg'

/** Bytes on PostgreSQL's disk: tables with their indexes. */
export type Sizes = { jobs: number; enrollment: number; temporal: number }

export async function sizesOf(databaseUrl: string): Promise<Sizes> {
  const ours = await query<{ schema: string; bytes: string }>(
    databaseUrl,
    `select schemaname as schema, sum(pg_total_relation_size(relid)) as bytes from pg_stat_user_tables group by 1`,
  )
  const bytesOf = (schema: string) => Number(ours.find((row) => row.schema === schema)?.bytes ?? 0)
  const [databases] = await query<{ bytes: string }>(
    databaseUrl,
    `select sum(pg_database_size(datname)) as bytes from pg_database where datname like 'temporal%'`,
  )
  return { jobs: bytesOf('jobs'), enrollment: bytesOf('enrollment'), temporal: Number(databases?.bytes ?? 0) }
}

/** Who has how many open. */
export async function connectionsOf(databaseUrl: string): Promise<string> {
  const rows = await query<{ who: string; count: string }>(
    databaseUrl,
    `select datname as who, count(*) from pg_stat_activity where datname is not null group by 1 order by 1`,
  )
  return rows.map(({ who, count }) => `${who} ${count}`).join(', ')
}

async function query<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}
