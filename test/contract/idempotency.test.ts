import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { createRpcClient } from '#kit/rpc-client.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { followJob } from '../fixtures/rest.ts'
import { type Ask, ask, openScene, type Scene } from './ask.ts'
import { formOf } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const enrollments = '/api/v1/programs/{masters}/enrollments'
const courseEnrollments = '/api/v1/programs/{masters}/courses/{external}/enrollments'
const upload = `${enrollments}/upload`
const csv = 'student_key,status\nuploaded,enrolled\n'

const learner = () => `l-${randomUUID()}`
const enroll = (student_key: string, status = 'enrolled') => [{ student_key, status }]

async function send(key: string | undefined, request: Partial<Ask>) {
  const headers = { ...request.headers, ...(key !== undefined && { 'idempotency-key': key }) }
  const {
    status,
    text,
    headers: answered,
  } = await ask(scene, {
    ...{ method: 'POST', path: enrollments, as: 'writer' as const },
    ...request,
    headers,
  })
  return { status, text, isReplay: answered.get('idempotency-replayed') === 'true', headers: answered }
}

const follow = async (text: string) =>
  followJob((JSON.parse(text) as { job_url: string }).job_url, await scene.cast.token('writer'))

describe('a write', () => {
  test('sent fifty times at once with one key is done once, and answered the same each time', async () => {
    const [key, student] = [randomUUID(), learner()]
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(key, { body: enroll(student) })))
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(
      new Set([`200 {"${student}":"enrolled"}`]),
    )
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1)
  })

  test.each([
    ['POST', enrollments, 'enrolled'],
    ['PATCH', enrollments, 'ended'],
    ['POST', courseEnrollments, 'active'],
    ['PATCH', courseEnrollments, 'inactive'],
  ])('%s %s is answered as it was, whatever has happened since', async (method, path, wanted) => {
    const [key, student, other] = [randomUUID(), learner(), learner()]
    await send(undefined, { body: enroll(student) })
    if (path === courseEnrollments && method === 'PATCH') {
      await send(undefined, { path, body: enroll(student, 'active') })
    }
    // One that comes through and one that does not, unless both do.
    const absent = method === 'PATCH' || path === courseEnrollments
    const body = [...enroll(student, wanted), ...(absent ? enroll(other, wanted) : enroll('x', 'nonsense'))]
    const first = await send(key, { method, path, body })
    expect([first.status, first.isReplay]).toEqual([
      method === 'POST' && path === enrollments ? 422 : 207,
      false,
    ])
    await send(undefined, { body: enroll(other) })
    const second = await send(key, { method, path, body })
    expect(second).toMatchObject({ status: first.status, text: first.text, isReplay: true })
  })

  test('is the same under v1 and v2, and with its JSON written in another way', async () => {
    const [key, student] = [randomUUID(), learner()]
    const first = await send(key, {
      body: `[{"student_key":"${student}","status":"enrolled","x":{"a":1,"b":2}}]`,
      ...json,
    })
    const body = `[ {"x": {"b":2,"a":1}, "status": "enrolled", "student_key": "${student}"} ]`
    const second = await send(key, { path: enrollments.replace('v1', 'v2'), body, ...json })
    expect(second).toMatchObject({ status: 200, text: first.text, isReplay: true })
  })

  test('with a key that was used for another is 422, to the string', async () => {
    const [key, student] = [randomUUID(), learner()]
    await send(key, { body: enroll(student) })
    for (const other of [
      { method: 'PATCH' },
      { body: enroll(student, 'ended') },
      { body: enroll(learner()) },
    ]) {
      const { status, text } = await send(key, { body: enroll(student), ...other })
      expect([status, text]).toEqual([
        422,
        '{"detail":"This Idempotency-Key was used before with another request."}',
      ])
    }
  })

  test('with a key that somebody else used is one of its own', async () => {
    const [key, student] = [randomUUID(), learner()]
    await send(key, { body: enroll(student) })
    expect(await send(key, { body: enroll(student), as: 'owner' })).toMatchObject({
      status: 422,
      text: `{"${student}":"conflict"}`,
      isReplay: false,
    })
  })

  test('that was refused may be sent again with its key, or another one', async () => {
    const [key, student] = [randomUUID(), learner()]
    const body = enroll(student)
    const refused: [Partial<Ask>, number][] = [
      [{ body, path: '/api/v1/programs/nowhere/enrollments' }, 404],
      [{ body, path: '/api/v1/programs/{masters}/courses/nowhere/enrollments' }, 404],
      [{ body: {} }, 400],
      [{ body: Array(26).fill(body[0]) }, 413],
      [{ body: '[]', headers: { 'content-type': 'text/plain' } }, 415],
      [{ body: [{ ...body[0], course_staff: true }], path: courseEnrollments }, 403],
      [{ body, method: 'PUT' }, 405],
    ]
    for (const [request, status] of refused) {
      expect(await send(key, request)).toMatchObject({ status, isReplay: false })
    }
    expect(await send(key, { body })).toMatchObject({ status: 200, isReplay: false })
  })

  test('of nobody is answered the same without being remembered', async () => {
    const key = randomUUID()
    for (let n = 0; n < 2; n++) {
      expect(await send(key, { body: [] })).toMatchObject({ status: 422, text: '{}', isReplay: false })
    }
  })
})

describe('a key', () => {
  test.each(['', 'x'.repeat(256), 'é'])('cannot be "%s"', async (key) => {
    const student = learner()
    for (const request of [{ body: enroll(student) }, { path: upload, body: formOf(csv) }]) {
      const { status, text } = await send(Buffer.from(key).toString('latin1'), request)
      expect([status, text]).toEqual([
        400,
        '["expected Idempotency-Key to have 1 to 255 printable ASCII characters"]',
      ])
    }
    expect((await send(undefined, { body: enroll(student) })).status).toBe(200)
  })

  test.each([`"${'x'.repeat(253)}"`, "a b!#$%&'*+-.^_`|~"])('can be %s', async (key) => {
    const request = { body: enroll(learner()) }
    await send(key, request)
    expect(await send(key, request)).toMatchObject({ status: 200, isReplay: true })
  })

  test('is of no account where nothing is written', async () => {
    expect(await send('', { method: 'GET', path: '/api/v1/programs/{masters}' })).toMatchObject({
      status: 200,
    })
  })
})

describe('an upload', () => {
  test('sent fifty times at once with one key makes one job, and is answered the same each time', async () => {
    const key = randomUUID()
    const request = () => ({ path: upload, body: formOf(csv) })
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(key, request())))
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    const [first] = answers
    expect(first?.status).toBe(202)
    expect(new Set(answers.map(({ headers }) => headers.get('location'))).size).toBe(1)
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1)

    const username = scene.cast.username('writer')
    const { jobs } = await scene.world.operator.jobs.listJobs({
      programKey: scene.school.masters.key,
      pageSize: 1_000,
    })
    expect(jobs.filter((job) => job.username === username)).toHaveLength(1)
    expect(await follow(first?.text ?? '')).toMatchObject({ state: 'Succeeded', text: '200' })
    expect(await send(key, request())).toMatchObject({ status: 202, text: first?.text, isReplay: true })
  })

  test('of another file with the key is 422, also while the first is written', async () => {
    const key = randomUUID()
    const { text } = await send(key, { path: upload, body: formOf(csv) })
    expect(await send(key, { path: upload, body: formOf(`${csv}other,enrolled\n`) })).toMatchObject({
      status: 422,
      text: '{"detail":"This Idempotency-Key was used before with another request."}',
    })
    await follow(text)
  })

  test('that was refused may be sent again with its key', async () => {
    const key = randomUUID()
    expect((await send(key, { path: upload, body: formOf('x') })).status).toBe(400)
    expect((await send(key, { path: upload })).status).toBe(400)
    const answer = await send(key, { path: upload, body: formOf(csv) })
    expect(answer).toMatchObject({ status: 202, isReplay: false })
    await follow(answer.text)
  })
})

test('a key means the same to a service that is called directly', async () => {
  const [key, student] = [randomUUID(), learner()]
  const token = await scene.cast.token('writer')
  const first = await send(key, { body: enroll(student) })
  const client = createRpcClient(EnrollmentService, scene.world.addresses.enrollment, {
    token: async () => token,
  })
  let replayed: string | null = null
  const { results } = await client.writeProgramEnrollments(
    {
      programKey: scene.school.masters.key,
      mode: WriteMode.CREATE,
      enrollments: [{ studentKey: student, status: 'enrolled' }],
    },
    {
      headers: { 'idempotency-key': key },
      onHeader: (headers) => {
        replayed = headers.get('idempotency-replayed')
      },
    },
  )
  expect(results).toMatchObject([{ studentKey: student, status: 'enrolled', accepted: true }])
  expect([first.isReplay, replayed]).toEqual([false, 'true'])
})

const json = { headers: { 'content-type': 'application/json' } }
