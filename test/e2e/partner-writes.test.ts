import { beforeAll, describe, expect, test } from 'vitest'
import { callRest, readByJob } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'

let school: School
let token: string
let programs: string

beforeAll(async () => {
  const world = await runningWorld()
  school = await createSchool(world)
  token = await school.partner('organization_read_write_enrollments')
  programs = `${world.addresses.gateway}/api/v1/programs`
})

const enrollments = () => `${programs}/${school.masters.key}/enrollments`
const write = (method: string, body: unknown, url = enrollments()) => callRest(url, { method, token, body })
const item = (student_key: string, status = 'enrolled') => ({ student_key, status })

describe('program enrollments', () => {
  test('POST enrolls 25 learners: 200 with a status for each', async () => {
    const learners = Array.from({ length: 25 }, (_, index) => item(`new-${index}`))
    const { status, body } = await write('POST', learners)

    expect(status).toBe(200)
    expect(body).toEqual(Object.fromEntries(learners.map(({ student_key }) => [student_key, 'enrolled'])))
  })

  test('what went well and what did not: 207', async () => {
    const { status, body } = await write('POST', [
      item('mixed-1'),
      item('mixed-2', 'nonsense'),
      item('mixed-3'),
      item('mixed-3', 'pending'),
      item('new-0'),
    ])

    expect(status).toBe(207)
    expect(body).toEqual({
      'mixed-1': 'enrolled',
      'mixed-2': 'invalid-status',
      'mixed-3': 'duplicated',
      'new-0': 'conflict',
    })
  })

  test('PATCH changes who is there and nobody else: 422 when none is', async () => {
    expect(await write('PATCH', [item('new-1', 'suspended')])).toMatchObject({
      status: 200,
      body: { 'new-1': 'suspended' },
    })
    expect(await write('PATCH', [item('nobody')])).toMatchObject({
      status: 422,
      body: { nobody: 'not-in-program' },
    })
  })

  test('a refused request writes nothing', async () => {
    const before = await readByJob(enrollments(), token)

    const answers = await Promise.all([
      write(
        'POST',
        Array.from({ length: 26 }, (_, index) => item(`too-many-${index}`)),
      ),
      write('POST', [item('good'), { student_key: 'no-status' }]),
      write('POST', [item('good'), 7]),
      write('POST', '[{"student_key": "good", "status": "enrolled"}'),
      callRest(enrollments(), {
        method: 'POST',
        token: await school.partner('organization_read_enrollments'),
        body: [item('good')],
      }),
    ])

    expect(answers.map(({ status }) => status)).toEqual([413, 400, 400, 400, 403])
    expect(await readByJob(enrollments(), token)).toBe(before)
  })

  test('of two that enroll the same learner at once exactly one does, the other gets conflict', async () => {
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all([1, 2, 3].map(() => write('POST', [item(`raced-${round}`)])))
      const outcomes = answers.map(({ body }) => (body as Record<string, string>)[`raced-${round}`])
      expect(outcomes.sort()).toEqual(['conflict', 'conflict', 'enrolled'])
    }
  })

  test('names that are special to JavaScript are names', async () => {
    const { status, text } = await write(
      'POST',
      '[{"student_key":"__proto__","status":"enrolled"},{"student_key":"10","status":"enrolled"},{"student_key":"9","status":"enrolled"}]',
    )

    expect(status).toBe(200)
    expect(text).toBe('{"10":"enrolled","9":"enrolled","__proto__":"enrolled"}')
  })
})

describe('course enrollments', () => {
  const course = (id: string) => `${programs}/${school.masters.key}/courses/${id}/enrollments`

  test('by internal and by external key it is the same run', async () => {
    const { key, externalKey } = school.masters.withExternalKey
    await write('POST', [item('student-1'), item('student-2')])

    expect(await write('POST', [item('student-1', 'active')], course(externalKey))).toMatchObject({
      status: 200,
      body: { 'student-1': 'active' },
    })
    expect(
      await write('POST', [item('student-1', 'active'), item('stranger', 'active')], course(key)),
    ).toMatchObject({
      status: 422,
      body: { 'student-1': 'conflict', stranger: 'not-in-program' },
    })
    expect(
      await write(
        'PATCH',
        [item('student-1', 'inactive'), item('student-2', 'active')],
        course(encodeURIComponent(key)),
      ),
    ).toMatchObject({
      status: 207,
      body: { 'student-1': 'inactive', 'student-2': 'not-found' },
    })
    expect(JSON.parse(await readByJob(course(key), token))).toEqual([
      { course_id: externalKey, student_key: 'student-1', status: 'inactive', account_exists: false },
    ])
  })

  test('a run of another program is not found', async () => {
    expect(
      await write('POST', [item('student-1', 'active')], course(school.micro.withExternalKey.externalKey)),
    ).toMatchObject({
      status: 404,
      body: { detail: 'Not found.' },
    })
  })
})
