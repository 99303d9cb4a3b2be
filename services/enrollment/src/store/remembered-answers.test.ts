import { hash, randomUUID } from 'node:crypto'
import { QueryTypes, type Sequelize } from 'sequelize'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AnswerStore, KeyedRequest } from '#kit/idempotency.ts'
import { createLogger } from '#kit/logger.ts'
import { migrate } from '#kit/migrate.ts'
import { createTestDatabase, type TestDatabase } from '#kit/testing/postgres.ts'
import { openEnrollmentDatabase } from './database.ts'
import { createAnswerStore } from './remembered-answers.ts'

let database: TestDatabase
let sequelize: Sequelize
let store: AnswerStore

beforeAll(async () => {
  database = await createTestDatabase()
  await migrate(database.url, 'enrollment', new URL('../../migrations/', import.meta.url))
  sequelize = openEnrollmentDatabase(database.url, createLogger('test', 'silent'), { poolSize: 20 })
  store = createAnswerStore(sequelize)
})
afterAll(async () => {
  await sequelize.close()
  await database.drop()
})
beforeEach(async () => {
  await sequelize.query('delete from remembered_answers')
})

const answer = Uint8Array.from([0, 255, 7])

function request({ body = 'a', ...more }: Partial<KeyedRequest> & { body?: string } = {}): KeyedRequest {
  const fingerprint = hash('sha256', body, 'buffer')
  return { callerKind: 'user', caller: 'partner', method: 'm', key: 'k', fingerprint, ...more }
}

async function claim(of = request()): Promise<string> {
  const name = randomUUID()
  expect(await store.claim(of, name)).toEqual({ state: 'claimed' })
  return name
}

const stateOf = async (of = request()) => (await store.claim(of, randomUUID())).state
const age = (span: string) =>
  sequelize.query(`update remembered_answers set touched_at = clock_timestamp() - interval '${span}'`)
const keys = async () => {
  const rows = await sequelize.query<{ key: string }>(
    'select idempotency_key as key from remembered_answers order by 1',
    { type: QueryTypes.SELECT },
  )
  return rows.map(({ key }) => key)
}

test('one of many at the same instant gets the claim', async () => {
  for (let round = 0; round < 10; round++) {
    const of = request({ key: `k${round}` })
    const results = await Promise.all(Array.from({ length: 20 }, () => store.claim(of, randomUUID())))
    expect(results.filter(({ state }) => state === 'claimed')).toHaveLength(1)
    expect(results.filter(({ state }) => state === 'in-use')).toHaveLength(19)
  }
})

test('an answer is given back to the byte', async () => {
  await store.keep(await claim(), answer)
  const result = await store.claim(request(), randomUUID())
  expect(result).toEqual({ state: 'answered', answer: Buffer.from(answer) })
  await store.keep(await claim(request({ key: 'empty' })), new Uint8Array())
  expect(await store.claim(request({ key: 'empty' }), randomUUID())).toMatchObject({
    answer: Buffer.alloc(0),
  })
})

test.each<Partial<KeyedRequest>>([
  { callerKind: 'service' },
  { caller: 'Partner' },
  { method: 'n' },
  { key: 'K' },
])('the key is another one for %j', async (more) => {
  await claim()
  await claim(request(more))
})

test('another request is told so, whether the first is answered or not', async () => {
  const name = await claim()
  expect(await stateOf(request({ body: 'b' }))).toBe('other-request')
  await store.keep(name, answer)
  expect(await stateOf(request({ body: 'b' }))).toBe('other-request')
})

test('what is released may be claimed by any request', async () => {
  await store.release(await claim())
  await claim(request({ body: 'b' }))
})

test('an answer is not released', async () => {
  const name = await claim()
  await store.keep(name, answer)
  await store.release(name)
  expect(await stateOf()).toBe('answered')
})

describe('a claim that is not renewed', () => {
  test('passes to the same request after a minute, and not before', async () => {
    await claim()
    await age('55 seconds')
    expect(await stateOf()).toBe('in-use')
    await age('61 seconds')
    expect(await stateOf(request({ body: 'b' }))).toBe('other-request')
    expect(await stateOf()).toBe('claimed')
    expect(await stateOf()).toBe('in-use')
  })

  test('is lost to who had it', async () => {
    const lost = await claim()
    await age('61 seconds')
    const found = await claim()
    await store.renew(lost)
    await store.keep(lost, Uint8Array.from([1]))
    await store.release(lost)
    expect(await stateOf()).toBe('in-use')
    await store.keep(found, answer)
    expect(await store.claim(request(), randomUUID())).toMatchObject({ answer: Buffer.from(answer) })
  })

  test('is alive once it is', async () => {
    const name = await claim()
    await age('61 seconds')
    await store.renew(name)
    expect(await stateOf()).toBe('in-use')
  })
})

describe('an answer', () => {
  test('is kept for a day from when it was given; then the key is free for any request', async () => {
    const name = await claim()
    await age('23 hours')
    await store.keep(name, answer)
    expect(await stateOf()).toBe('answered')
    await age('23 hours 59 minutes')
    expect(await stateOf()).toBe('answered')
    expect(await stateOf(request({ body: 'b' }))).toBe('other-request')
    await age('24 hours 1 second')
    expect(await stateOf(request({ body: 'b' }))).toBe('claimed')
  })

  test('that is older is removed when others are kept, some at a time', async () => {
    await sequelize.query(`
      insert into remembered_answers (caller_kind, caller, method, idempotency_key, fingerprint, claim, answer)
      select 'user', 'partner', 'm', 'old' || lpad(n::text, 4, '0'), '', gen_random_uuid(), ''
      from generate_series(1, 150) n`)
    await age('25 hours')
    await store.keep(await claim(request({ key: 'new1' })), answer)
    expect(await keys()).toHaveLength(51)
    await store.keep(await claim(request({ key: 'new2' })), answer)
    expect(await keys()).toEqual(['new1', 'new2'])
  })
})
