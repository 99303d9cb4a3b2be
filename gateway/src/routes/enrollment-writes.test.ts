import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { course, program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'
import { runCases } from '../testing/run-cases.ts'
import { bodyCases } from '../testing/write-cases.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const path = `${program}/enrollments`
const accepted = { studentKey: 'a', status: 'enrolled', accepted: true }
const refused = { studentKey: 'b', status: 'conflict', accepted: false }

describe('bodies', () => runCases(() => gateway, bodyCases))

test('nothing is written for a body that cannot be used', async () => {
  for (const { name: _, ...request } of bodyCases.filter(({ status }) => status !== 403))
    await gateway.send(request)
  const rpcs = gateway.world.calls.map(({ rpc }) => rpc)
  expect(rpcs.length).toBeGreaterThan(30)
  expect(new Set(rpcs)).toEqual(new Set(['GetProgram']))
})

test.each([
  { results: [accepted], status: 200, body: '{"a":"enrolled"}' },
  { results: [accepted, refused], status: 207, body: '{"a":"enrolled","b":"conflict"}' },
  { results: [refused], status: 422, body: '{"b":"conflict"}' },
])('the status sums up the results: $status', async ({ results, status, body }) => {
  gateway.world.results = results
  const answer = await gateway.send({
    method: 'POST',
    path,
    as: 'owner',
    body: [{ student_key: 'a', status: 'enrolled' }],
  })
  expect([answer.status, answer.text]).toEqual([status, body])
  expect(answer.headers.get('content-type')).toBe('application/json')
})

test('the result map keeps the order of the results, whatever the keys are', async () => {
  const keys = ['10', '9', '__proto__', 'a"b', 'constructor', 'z\u2028', 'ü']
  gateway.world.results = keys.map((studentKey) => ({ studentKey, status: 'enrolled', accepted: true }))
  const { text } = await gateway.send({
    method: 'POST',
    path,
    as: 'owner',
    body: [{ student_key: '9', status: 'x' }],
  })
  expect([...text.matchAll(/("(?:[^"\\]|\\.)*"):/g)].map(([, key]) => JSON.parse(key ?? ''))).toEqual(keys)
})

test.each([
  ['POST', WriteMode.CREATE],
  ['PATCH', WriteMode.UPDATE],
])('%s of a program writes what the items say, further fields with it', async (method, mode) => {
  const body =
    '[{"student_key": "__proto__", "status": "", "course_staff": "x", "n": 9007199254740993, "__proto__": {"y": null}, "z": 1, "z": 2}]'
  await gateway.send({ method, path, as: 'owner', body, headers: { 'content-type': 'application/json' } })
  const { message } = gateway.world.calls[0] as { message: { mode: WriteMode; enrollments: unknown[] } }
  expect(message.mode).toBe(mode)
  expect(message).toMatchObject({
    programKey: 'masters-in-cs',
    enrollments: [{ studentKey: '__proto__', status: '' }],
  })
  const [item] = message.enrollments as { additionalFields: object; courseStaff?: boolean }[]
  expect(item?.courseStaff).toBeUndefined()
  expect(JSON.stringify(item?.additionalFields)).toBe(
    '{"course_staff":"x","n":9007199254740992,"__proto__":{"y":null},"z":2}',
  )
})

test('a write to a course run carries course_staff, and leaves out a null', async () => {
  const body = [true, false, null].map((course_staff, at) => ({
    student_key: `s${at}`,
    status: 'active',
    course_staff,
  }))
  await gateway.send({ method: 'POST', path: `${course}/enrollments`, as: 'instructor', body })
  const { message } = gateway.world.calls[0] as {
    message: { courseId: string; enrollments: { courseStaff?: boolean; additionalFields?: object }[] }
  }
  expect(message.courseId).toBe('course-v1:Org+Course+Run')
  expect(message.enrollments.map(({ courseStaff }) => courseStaff)).toEqual([true, false, undefined])
  expect(message.enrollments.every(({ additionalFields }) => additionalFields === undefined)).toBe(true)
})

test('25 learners are taken', async () => {
  const body = Array.from({ length: 25 }, (_, at) => ({ student_key: `s${at}`, status: 'enrolled' }))
  await gateway.send({ method: 'POST', path, as: 'owner', body })
  expect(gateway.world.calls).toMatchObject([
    { rpc: 'WriteProgramEnrollments', message: { enrollments: { length: 25 } } },
  ])
})

test('a program without an active curriculum is 422 with a clear message', async () => {
  gateway.world.failures.WriteProgramEnrollments = new DomainError(Reason.NO_ACTIVE_CURRICULUM, 'none')
  const answer = await gateway.send({
    method: 'POST',
    path,
    as: 'owner',
    body: [{ student_key: 'a', status: 'b' }],
  })
  expect([answer.status, answer.json]).toEqual([
    422,
    { detail: 'The program has no active curriculum, so nobody can be enrolled in it.' },
  ])
})
