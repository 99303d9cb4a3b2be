import { beforeAll, describe, expect, test } from 'vitest'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import type { PartName } from '../fixtures/cast.ts'
import { readByJob } from '../fixtures/rest.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { inBothVersions, notPermitted, runCases } from './run-cases.ts'

let scene: Scene
let learners: string[]

beforeAll(async () => {
  scene = await openScene()
  learners = await scene.school.enroll(scene.school.masters, 30, 'l')
})

const at = (course: string) => `/api/v1/programs/{masters}/courses/${course}/enrollments`
const path = at('{external}')
const item = (student_key: string, status = 'active', rest: object = {}) => ({ student_key, status, ...rest })
const staffOff = { detail: '"course_staff" not accepted since role assignment is not enabled' }

/** A learner of the program whom no test has used. */
const next = () => learners.pop() as string

async function write(method: string, items: unknown, as: PartName = 'writer', url = path) {
  const { status, body } = await ask(scene, { method, path: url, as, body: items })
  return { status, body }
}

async function stored(as: PartName = 'reader'): Promise<Record<string, Record<string, unknown>>> {
  const url = `${scene.world.addresses.gateway}/api/v1/programs/${scene.school.masters.key}/courses/${scene.names.external}/enrollments`
  const rows = JSON.parse(await readByJob(url, await scene.cast.token(as))) as { student_key: string }[]
  return Object.fromEntries(rows.map((row) => [row.student_key, row]))
}

describe('course enrollments', () => {
  test.each(['active', 'inactive'])('POST enrolls with the status %s', async (status) => {
    const learner = next()
    expect(await write('POST', [item(learner, status)])).toEqual({ status: 200, body: { [learner]: status } })
    expect((await stored())[learner]).toMatchObject({ status, course_id: scene.names.external })
  })

  test.each(['enrolled', 'Active', 'x'])('the status "%s" is none of a course', async (status) => {
    const learner = next()
    expect(await write('POST', [item(learner, status)])).toEqual({
      status: 422,
      body: { [learner]: 'invalid-status' },
    })
  })

  test('POST is create only, PATCH update only', async () => {
    const [there, absent] = [next(), next()]
    await write('POST', [item(there)])
    expect(await write('POST', [item(there, 'inactive')])).toEqual({
      status: 422,
      body: { [there]: 'conflict' },
    })
    expect(await write('PATCH', [item(there, 'inactive'), item(absent)])).toEqual({
      status: 207,
      body: { [there]: 'inactive', [absent]: 'not-found' },
    })
    expect(Object.keys(await stored())).not.toContain(absent)
  })

  test('who is not in the program cannot be in its courses', async () => {
    for (const method of ['POST', 'PATCH']) {
      expect(await write(method, [item('outsider')])).toEqual({
        status: 422,
        body: { outsider: 'not-in-program' },
      })
    }
  })

  test('a learner named twice is written by none', async () => {
    const [once, twice] = [next(), next()]
    expect(await write('POST', [item(twice), item(once), item(twice, 'inactive')])).toEqual({
      status: 207,
      body: { [once]: 'active', [twice]: 'duplicated' },
    })
    expect(Object.keys(await stored())).not.toContain(twice)
  })

  test('more than 25 are refused before anything is looked at', async () => {
    expect(await write('POST', Array(26).fill(item('x')))).toEqual({
      status: 413,
      body: { detail: 'Enrollment limit 25' },
    })
  })

  test.each(['{run}', '{external}', 'course-v1%3A{masters}%2BONE%2B2026'])(
    '%s is one and the same run',
    async (id) => {
      const learner = next()
      await write('POST', [item(learner)], 'writer', at(id))
      for (const other of ['{run}', '{external}']) {
        expect(await write('POST', [item(learner)], 'writer', at(other))).toMatchObject({
          body: { [learner]: 'conflict' },
        })
      }
    },
  )

  test('each run has its own enrollments', async () => {
    const learner = next()
    await write('POST', [item(learner)], 'writer', at('{plain}'))
    expect(Object.keys(await stored())).not.toContain(learner)
  })

  test('who is active by another program of the school gives conflict', async () => {
    const { catalog, enrollment } = scene.world.operator
    const key = `${scene.school.key}-second`
    await catalog.createProgram({ key, organizationKey: scene.school.key, type: 'Masters' })
    await catalog.addCourseRun({ programKey: key, courseRun: { key: scene.names.run ?? '' } })
    const learner = next()
    await enrollment.writeProgramEnrollments({
      programKey: key,
      mode: WriteMode.CREATE_OR_UPDATE,
      enrollments: [{ studentKey: learner, status: 'enrolled' }],
    })
    await write('POST', [item(learner)])
    const elsewhere = `/api/v1/programs/${key}/courses/{run}/enrollments`
    expect(await write('POST', [item(learner)], 'writer', elsewhere)).toEqual({
      status: 422,
      body: { [learner]: 'conflict' },
    })
    await write('PATCH', [item(learner, 'inactive')])
    expect(await write('POST', [item(learner)], 'writer', elsewhere)).toEqual({
      status: 200,
      body: { [learner]: 'active' },
    })
  })
})

describe('course_staff', () => {
  test.each(['instructor', 'instructorByGroup', 'root'] as const)(
    'is written for %s, whose flag is on, and shown to who has it',
    async (as) => {
      const learner = next()
      expect(await write('POST', [item(learner, 'active', { course_staff: true })], as)).toEqual({
        status: 200,
        body: { [learner]: 'active' },
      })
      expect((await stored(as))[learner]).toMatchObject({ course_staff: true })
      expect((await stored())[learner]).not.toHaveProperty('course_staff')

      await write('PATCH', [item(learner, 'inactive')], as)
      expect((await stored(as))[learner]).toMatchObject({ course_staff: true, status: 'inactive' })
      await write('PATCH', [item(learner, 'active', { course_staff: null })], as)
      expect((await stored(as))[learner]).toMatchObject({ course_staff: true, status: 'active' })
      await write('PATCH', [item(learner, 'active', { course_staff: false })], as)
      expect((await stored(as))[learner]).toMatchObject({ course_staff: false })
    },
  )

  test('is refused while the flag is off, and then nobody is written', async () => {
    const [one, other] = [next(), next()]
    for (const value of [true, false]) {
      expect(await write('POST', [item(one), item(other, 'active', { course_staff: value })])).toEqual({
        status: 403,
        body: staffOff,
      })
    }
    expect(Object.keys(await stored())).not.toContain(one)
  })

  test('null is as none while the flag is off', async () => {
    const learner = next()
    expect((await write('POST', [item(learner, 'active', { course_staff: null })])).status).toBe(200)
  })

  test('the first offending item decides between 400 and 403', async () => {
    const staff = item('a', 'active', { course_staff: true })
    expect((await write('POST', [staff, 1])).status).toBe(403)
    expect((await write('POST', [1, staff])).status).toBe(400)
    expect((await write('POST', [item('a', 'active', { course_staff: 'x' }), staff])).status).toBe(400)
    expect((await write('POST', [staff, 1], 'instructor')).status).toBe(400)
  })

  test('follows its flag at once', async () => {
    const learner = next()
    const flag = {
      flag: 'enable_course_role_management',
      subject: { case: 'username' as const, value: scene.cast.username('owner') },
    }
    const body = [item(learner, 'active', { course_staff: true })]
    const { accessControl } = scene.world.operator
    expect((await write('POST', body, 'owner')).status).toBe(403)
    await accessControl.setFlag({ ...flag, enabled: true })
    expect((await write('POST', body, 'owner')).status).toBe(200)
    await accessControl.setFlag({ ...flag, enabled: false })
    expect((await write('PATCH', body, 'owner')).status).toBe(403)
  })
})

describe('who may write course enrollments', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...(['writer', 'programWriter', 'root', 'blindWriter'] as const).map((as) => ({
        name: `${as} may`,
        method: 'PATCH',
        path,
        as,
        body: [item('outsider')],
        status: 422,
        json: { outsider: 'not-in-program' },
      })),
      ...(['viewer', 'reader', 'reporter', 'stranger', 'staff'] as const).map((as) => ({
        name: `${as} may not`,
        method: 'POST',
        path,
        as,
        body: [item('outsider')],
        status: 403,
        json: notPermitted,
      })),
    ]),
  ))
