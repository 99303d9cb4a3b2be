import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { type EdxProgram, type EdxSchool, type EdxStack, startEdxStack } from '../edx/edx-stack.ts'
import { callRest } from '../fixtures/rest.ts'

let system: EdxStack
let school: EdxSchool
let program: EdxProgram
let database: pg.Client

beforeAll(async () => {
  system = await startEdxStack({ LOG_LEVEL: 'info' })
  school = await system.makeSchool(1)
  program = school.programs[0] as EdxProgram
  database = new pg.Client({ connectionString: system.stack.env.DATABASE_URL })
  await database.connect()
  // What is fetched once is there before anything is slow.
  const { status } = await write('first')
  if (status !== 200) throw new Error(`the LMS answered ${status}`)
}, 120_000)

afterAll(async () => {
  await database?.end()
  await system?.close()
})
afterEach(() => system.edx.lms.faults.reset())

const authorization = () => `JWT ${school.token}`
const enrollmentsUrl = () => `${system.programsUrl}/${program.key}/enrollments`
const write = (student: string) =>
  callRest(enrollmentsUrl(), {
    ...{ method: 'POST', token: school.token },
    body: [{ student_key: student, status: 'enrolled' }],
  })

/** A caller who can give up. */
type Call = (signal: AbortSignal) => Promise<unknown>

const grpc = (baseUrl: string) => createGrpcTransport({ baseUrl })
const rest = (url: string, init: RequestInit = {}) =>
  ((signal) =>
    fetch(url, {
      ...{ ...init, signal },
      headers: { authorization: authorization(), 'content-type': 'application/json' },
    })) satisfies Call

/** Starts the call, gives it up once it is known to be under way, and returns when its caller knows. */
async function giveUp(call: Call, isUnderWay: () => Promise<void>): Promise<void> {
  const caller = new AbortController()
  const failed = call(caller.signal).then(
    () => expect.unreachable('it should not have been answered'),
    (error: unknown) => error,
  )
  await isUnderWay()
  caller.abort()
  await failed
}

async function waiting(): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where application_name = 'registrar catalog' and wait_event_type = 'Lock'`,
  )
  return rows[0]?.count ?? 0
}

const listPrograms = () => createClient(CatalogService, grpc(system.stack.urls.catalog)).listPrograms
const writeEnrollments = () =>
  createClient(EnrollmentService, grpc(system.stack.urls.enrollment)).writeProgramEnrollments
const headers = () => ({ authorization: authorization() })

describe('a statement that is waiting', () => {
  beforeAll(async () => {
    await database.query('begin')
    await database.query('lock table catalog.programs in access exclusive mode')
  })
  afterAll(async () => {
    await database.query('rollback')
  })

  const calls: Record<string, () => Call> = {
    'a partner hangs up': () => rest(system.programsUrl),
    'a caller of gRPC cancels': () => (signal) => listPrograms()({}, { headers: headers(), signal }),
  }
  test.each(Object.keys(calls))('ends in PostgreSQL when %s', async (who) => {
    await giveUp((calls[who] as () => Call)(), () => expect.poll(waiting, { timeout: 10_000 }).toBe(1))
    // While the table is still locked.
    await expect.poll(waiting, { timeout: 1_000, interval: 50 }).toBe(0)
  })

  test('ends in PostgreSQL at the deadline of its call', async () => {
    const call = listPrograms()({}, { headers: headers(), timeoutMs: 5_000 })
    const failed = call.catch((error: unknown) => error)
    await expect.poll(waiting, { timeout: 5_000, interval: 50 }).toBe(1)
    await failed
    await expect.poll(waiting, { timeout: 1_000, interval: 50 }).toBe(0)
  })
})

test('after that the same connections serve', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => callRest(system.programsUrl, { token: school.token })),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
})

describe('a request to the LMS that is waiting', () => {
  const body = JSON.stringify([{ student_key: 'learner', status: 'enrolled' }])
  const calls: Record<string, () => Call> = {
    'a partner hangs up': () => rest(enrollmentsUrl(), { method: 'POST', body }),
    'a caller of gRPC cancels': () => (signal) =>
      writeEnrollments()(
        {
          ...{ programKey: program.key, mode: WriteMode.CREATE },
          enrollments: [{ studentKey: 'learner', status: 'enrolled' }],
        },
        { headers: headers(), signal },
      ),
  }
  test.each(Object.keys(calls))('ends when %s', async (who) => {
    const { lms } = system.edx
    const isWrite = (path: string) => path.includes(`/${program.uuid}/enrollments`)
    lms.faults.set({ latencyMs: 30_000 })
    lms.requests.length = 0
    lms.abandoned.length = 0
    await giveUp((calls[who] as () => Call)(), () =>
      expect.poll(() => lms.requests.filter(({ path }) => isWrite(path)).length, { timeout: 10_000 }).toBe(1),
    )
    await expect.poll(() => lms.abandoned.filter(isWrite).length, { timeout: 1_000, interval: 20 }).toBe(1)
    // Nobody sends it again.
    expect(lms.requests.filter(({ path }) => isWrite(path))).toHaveLength(1)
  })
})

test('what was given up is no fault of ours in the log', () => {
  const entries = system.lines.flatMap((line) => {
    const json = line.slice(line.indexOf('{'))
    return json.startsWith('{') ? [JSON.parse(json) as { level: number; msg: string }] : []
  })
  expect(entries.filter(({ level }) => level >= 50)).toEqual([])
})
