import { readdirSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Migration } from '#kit/migrate.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { obstacles, type Snapshot, takeSnapshot } from './schema-snapshot.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

async function enter(schema: string): Promise<void> {
  await client.query(`drop schema if exists ${schema} cascade`)
  await client.query(`create schema ${schema}`)
  await client.query(`set search_path to ${schema}`)
}

// An upgrade is "migrate, then restart one process after the other": meanwhile the code before runs on the new schema.
describe.each([
  ['access-control', 'access_control'],
  ['catalog', 'catalog'],
  ['enrollment', 'enrollment'],
  ['jobs', 'jobs'],
])('the migrations of %s', (service, schema) => {
  const folder = new URL(`../../services/${service}/migrations/`, import.meta.url)
  const names = readdirSync(folder).toSorted()

  test('leave the code before each of them nothing to stumble over', async () => {
    await enter(schema)
    const faults: string[] = []
    let before: Snapshot | undefined
    for (const name of names) {
      const { up } = (await import(new URL(name, folder).href)) as Migration
      await client.query('begin')
      await up(async (text) => void (await client.query(text)))
      await client.query('commit')
      const after = await takeSnapshot(client, schema)
      if (before !== undefined) faults.push(...obstacles(before, after).map((fault) => `${name}: ${fault}`))
      before = after
    }
    expect(faults).toEqual([])
    expect(before?.columns.size).toBeGreaterThan(0)
  })
})

describe('what the code before could stumble over is seen', () => {
  beforeEach(async () => {
    await enter('probe')
    await client.query(`
      create table things (id int primary key, name text not null default '', size int);
      create view small_things as select id from things where size < 3;
      create function twice(n int) returns int language sql as 'select 2 * n'`)
  })

  test.each([
    ['drop table things cascade', 'things.id is gone'],
    ['alter table things drop column size cascade', 'things.size is gone'],
    ['alter table things rename column name to title', 'things.name is gone'],
    ['alter table things rename to objects', 'things.id is gone'],
    [
      'alter table things alter column name type varchar(20)',
      'things.name was text and is character varying(20)',
    ],
    ['alter table things alter column size set not null', 'things.size must be given now'],
    ['alter table things alter column name drop default', 'things.name must be given now'],
    ['alter table things add column owner text not null', 'things.owner is new and must be given'],
    ['alter table things add check (size > 0)', 'new condition on things: CHECK ((size > 0))'],
    ['create unique index on things (name)', 'new condition on things: CREATE UNIQUE INDEX ON'],
    ['alter table things add foreign key (size) references things', 'new condition on things: FOREIGN KEY'],
    [
      'create trigger guard before insert on things execute function suppress_redundant_updates_trigger()',
      'new condition on things: CREATE TRIGGER guard',
    ],
    ['drop view small_things', 'small_things is gone'],
    ['drop function twice', 'twice(n integer) is gone'],
  ])('%s', async (statement, fault) => {
    const before = await takeSnapshot(client, 'probe')
    await client.query(statement)
    expect(obstacles(before, await takeSnapshot(client, 'probe')).join('; ')).toContain(fault)
  })

  test.each([
    'create table others (id int primary key, thing int not null references things, check (id > 0))',
    'alter table things add column owner text',
    "alter table things add column state text not null default 'new'",
    'alter table things add column key text; create unique index on things (name, key)',
    "alter table things add column kind text check (kind <> '')",
    'alter table things add column number int generated always as identity',
    'create index on things (size)',
    'alter table things alter column name drop not null',
    "create or replace function twice(n int) returns int language sql as 'select n + n'",
  ])('and nothing else is: %s', async (statement) => {
    const before = await takeSnapshot(client, 'probe')
    await client.query(statement)
    expect(obstacles(before, await takeSnapshot(client, 'probe'))).toEqual([])
  })
})
