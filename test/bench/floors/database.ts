import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { type BenchContext, connectDatabase } from '../context.ts'
import { timeRuns } from '../measure.ts'
import type { Table } from '../tables.ts'

const rowCount = 100_000
const chunk = 5_000
const runs = 3

/** Rows a second that PostgreSQL takes and gives, in a table of six columns with a unique key. */
export async function measureDatabaseFloors(context: BenchContext): Promise<Table> {
  const database = await connectDatabase(context, 'public')
  await database.query(`create table bench_rows (id bigint generated always as identity primary key, program uuid not null,
    key text not null, status text not null, username text, created timestamptz not null default now(), unique (program, key))`)
  const ways: [name: string, work: (run: number) => Promise<unknown>][] = [
    ['COPY FROM', (run) => copyIn(database, run)],
    [
      `insert … select unnest … on conflict, ${chunk.toLocaleString('en')} at a time`,
      (run) => unnest(database, run),
    ],
    ['COPY TO csv', () => copyOut(database)],
    [`pages of ${chunk.toLocaleString('en')} by key`, () => readPages(database)],
  ]
  const rows: string[][] = []
  for (const [name, work] of ways) {
    const seconds = await timeRuns(runs, work)
    rows.push([name, (rowCount / seconds).toLocaleString('en', { maximumFractionDigits: 0 })])
  }
  await database.query('drop table bench_rows')
  await database.end()
  return {
    title: `Floors: PostgreSQL, ${rowCount.toLocaleString('en')} rows of six columns with a unique key, one connection`,
    columns: ['work', 'rows/s'],
    rows,
  }
}

const program = '00000000-0000-4000-8000-000000000000'
const keyOf = (run: number, index: number) => `run-${run}-learner-${index}`

async function copyIn(database: pg.Client, run: number): Promise<void> {
  const lines = function* () {
    for (let first = 0; first < rowCount; first += chunk) {
      const keys = Array.from({ length: chunk }, (_, index) => keyOf(run, first + index))
      yield keys.map((key) => `${program}\t${key}\tenrolled\n`).join('')
    }
  }
  const into = database.query(copyFrom('copy bench_rows (program, key, status) from stdin'))
  await pipeline(Readable.from(lines()), into)
}

async function unnest(database: pg.Client, run: number): Promise<void> {
  for (let first = 0; first < rowCount; first += chunk) {
    const keys = Array.from({ length: chunk }, (_, index) => `unnest-${keyOf(run, first + index)}`)
    const text = `insert into bench_rows (program, key, status) select $1::uuid, key, 'enrolled' from unnest($2::text[]) as key
      on conflict (program, key) do update set status = excluded.status`
    await database.query({ name: 'unnest', text, values: [program, keys] })
  }
}

async function copyOut(database: pg.Client): Promise<void> {
  const statement = `copy (select key, status, username from bench_rows order by id limit ${rowCount}) to stdout with (format csv)`
  for await (const _ of database.query(copyTo(statement)));
}

async function readPages(database: pg.Client): Promise<void> {
  let after = '0'
  for (let read = 0; read < rowCount; ) {
    const { rows } = await database.query<{ id: string }>({
      name: 'page',
      text: `select id, key, status, username from bench_rows where id > $1 order by id limit ${chunk}`,
      values: [after],
    })
    after = rows.at(-1)?.id ?? after
    read += chunk
  }
}
