import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { createRpcClient } from '#kit/rpc-client.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { Reason } from '#proto/registrar/errors/v1/reason_pb.ts'
import { callRest, followJob } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'

const registrarMain = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url))
const username = `scribe-${randomBytes(4).toString('hex')}`
const student = (name: string) => `${username}-${name}`

let world: World
let school: School
let token: string
let enrollments: string

beforeAll(async () => {
  world = await runningWorld()
  school = await createSchool(world)
  const role = 'organization_read_write_enrollments'
  const name = `${school.key} writers`
  const resource = { target: { case: 'organizationId' as const, value: school.id } }
  await world.operator.accessControl.createGroup({ name, role, resource })
  await world.operator.accessControl.createUser({ username, groupNames: [name] })
  token = await world.token(username)
  enrollments = `${world.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`
})

type Entry = {
  service: string
  actor: { name: string; via: string }
  request_id: string
  action: string
  program_key: string
  after: object
  row?: { student_key: string; action: string; outcome: string; previous_status: string }
}

async function registrar(...args: string[]): Promise<string> {
  const { addresses } = world
  const env = {
    PATH: process.env.PATH,
    REGISTRAR_DATA_DIR: addresses.dataDir,
    ACCESS_CONTROL_URL: addresses.accessControl,
    CATALOG_URL: addresses.catalog,
    ENROLLMENT_URL: addresses.enrollment,
    JOBS_URL: addresses.jobs,
  }
  const { stdout } = await promisify(execFile)(process.execPath, [registrarMain, ...args], { env })
  return stdout
}
const audit = async (...args: string[]): Promise<Entry[]> =>
  JSON.parse(await registrar('--json', 'audit', ...args)) as Entry[]

async function upload(csv: string): Promise<string> {
  const body = new FormData()
  body.append('file', new Blob([csv]), 'x.csv')
  const { body: accepted } = await callRest(`${enrollments}/upload`, { method: 'POST', token, body })
  const { job_url: url, job_id: id } = accepted as { job_url: string; job_id: string }
  expect((await followJob(url, token)).state).toBe('Succeeded')
  return id
}

describe('registrar audit', () => {
  test('tells a partner’s write by the X-Request-ID that the partner saw, row by row', async () => {
    const body = [
      { student_key: student('ann'), status: 'enrolled' },
      { student_key: student('bob'), status: 'nonsense' },
    ]
    const { status, headers } = await callRest(enrollments, { method: 'POST', token, body })
    expect(status).toBe(207)
    const requestId = headers.get('x-request-id') ?? ''
    const [batch, ...rows] = await audit('--request', requestId, '--rows')
    expect(batch).toMatchObject({
      service: 'enrollment',
      actor: { name: username, via: '' },
      request_id: requestId,
      action: 'program_enrollments.written',
      program_key: school.masters.key,
      after: { mode: 'create', rows: 2, accepted: 1, refused: 1 },
    })
    expect(rows.map(({ row }) => `${row?.student_key} ${row?.action} ${row?.outcome}`).toSorted()).toEqual([
      `${student('ann')} ACTION_CREATED enrolled`,
      `${student('bob')} ACTION_REFUSED invalid-status`,
    ])
  })

  test('tells what an upload did, by the name of whoever sent it and the id of the job', async () => {
    const jobId = await upload(`student_key,status\n${student('ann')},ended\n${student('cyd')},enrolled\n`)
    expect(await audit('--job', jobId)).toMatchObject([
      { actor: { name: username, via: 'jobs-worker' }, request_id: jobId, after: { rows: 2, accepted: 2 } },
    ])
    const [entry] = await audit('--student', student('ann'), '--program', school.masters.key, '--limit', '1')
    expect(entry?.row).toMatchObject({
      action: 'ACTION_UPDATED',
      previous_status: 'enrolled',
      outcome: 'ended',
    })
    const text = await registrar('audit', '--actor', username)
    expect(text).toContain(`${username} (jobs-worker)`)
    expect(text).toContain(jobId)
  })

  test('tells what the operator granted', async () => {
    await registrar('grant', 'read_reports', '--user', username, '--program', school.masters.key)
    expect(await audit('--program', school.masters.key, '--action', 'permission.granted')).toMatchObject([
      { service: 'access-control', actor: { name: 'operator' }, after: { permission: 'read_reports' } },
    ])
  })

  test('tells what came of a request that the partner named', async () => {
    const requestId = `named-${randomUUID()}`
    const body = [{ student_key: student('dan'), status: 'pending' }]
    await callRest(enrollments, { method: 'POST', token, body, headers: { 'x-request-id': requestId } })
    expect(await audit('--request', requestId)).toHaveLength(1)
  })
})

test('the trail is refused to a partner', async () => {
  const { addresses } = world
  const options = { token: async () => token }
  const accessControl = createRpcClient(AccessControlService, addresses.accessControl, options)
  const enrollment = createRpcClient(EnrollmentService, addresses.enrollment, options)
  const of = { case: 'studentKey' as const, value: student('ann') }
  const calls = [
    accessControl.listAuditEvents({}),
    enrollment.listAuditEvents({}),
    enrollment.listAuditRows({ of }),
  ]
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome.status === 'rejected' && reasonOf(outcome.reason)).toBe(Reason.PERMISSION_DENIED)
  }
})
