import { rm } from 'node:fs/promises'
import { create } from '@bufbuild/protobuf'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { type Stack, startStack } from '#stack/stack.ts'
import { callByConnect, callByGrpc } from '../contract/rpc-call.ts'
import { freeEnvironment } from '../fixtures/stack.ts'

let stack: Stack
let locking: pg.Client
let watching: pg.Client
let headers: Record<string, string>

beforeAll(async () => {
  stack = await startStack({
    env: await freeEnvironment({ LOG_LEVEL: 'error' }),
    only: ['postgres', 'migrations', 'access-control', 'catalog', 'enrollment'],
    log: () => {},
  })
  headers = { authorization: `Bearer ${await stack.mintToken('somebody')}` }
  const connectionString = stack.env.DATABASE_URL
  locking = new pg.Client({ connectionString })
  watching = new pg.Client({ connectionString })
  for (const client of [locking, watching]) await client.connect()
  await locking.query('begin')
  await locking.query('lock table access_control.users in access exclusive mode')
})
afterAll(async () => {
  for (const client of [locking, watching]) await client?.end()
  await stack?.stop()
  await rm(stack.settings.dataDir, { recursive: true, force: true })
})

async function waiting(): Promise<number> {
  const { rows } = await watching.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where application_name = 'registrar access_control' and wait_event_type = 'Lock'`,
  )
  return rows[0]?.count ?? 0
}

const asked = {
  'catalog, then access-control': () => ({
    url: stack.urls.catalog,
    method: CatalogService.method.listCourseRuns,
  }),
  'enrollment, catalog, then access-control': () => ({
    url: stack.urls.enrollment,
    method: EnrollmentService.method.listProgramEnrollments,
  }),
  'a stream of enrollment, catalog, then access-control': () => ({
    url: stack.urls.enrollment,
    method: EnrollmentService.method.streamProgramEnrollments,
  }),
}

test.each(
  (Object.keys(asked) as (keyof typeof asked)[]).flatMap((way) => [
    [way, 'gRPC', callByGrpc] as const,
    [way, 'Connect', callByConnect] as const,
  ]),
)('a deadline goes along to %s, over %s: at its end nothing goes on anywhere', async (way, _, connect) => {
  const { url, method } = asked[way]()
  const caller = connect(url)
  const call = caller.call(method, create(method.input, { programKey: 'any' }), headers, { withinMs: 2_500 })
  await expect.poll(waiting, { timeout: 2_000, interval: 20 }).toBe(1)
  expect(await call).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  await expect.poll(waiting, { timeout: 1_000, interval: 20 }).toBe(0)
  caller.close()
})
