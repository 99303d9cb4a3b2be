import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type EdxProgram, type EdxSchool, type EdxStack, startEdxStack } from '../edx/edx-stack.ts'
import { callRest, followJob, type JobStatus, readByJob } from '../fixtures/rest.ts'

let system: EdxStack
let school: EdxSchool
let program: EdxProgram

beforeAll(async () => {
  system = await startEdxStack({ LOG_LEVEL: 'info' })
  school = await system.makeSchool(3)
  program = school.programs[0] as EdxProgram
}, 120_000)

afterAll(() => system?.close())

afterEach(() => {
  system.edx.lms.faults.reset()
  Object.assign(system.edx.lms.quirks, { editPage: undefined, editWrite: undefined })
})

const at = (rest: string, { key } = program) => `${system.programsUrl}/${key}/${rest}`
const call = (url: string, method = 'GET', body?: unknown) =>
  callRest(url, { method, body, token: school.token })
const item = (student_key: string, status = 'enrolled', more: object = {}) => ({
  student_key,
  status,
  ...more,
})
const held = ({ uuid } = program) => system.edx.lms.state.programs.get(uuid)

async function endOf(url: string): Promise<JobStatus> {
  const { body } = await call(url)
  return followJob((body as { job_url: string }).job_url, school.token)
}

describe('callers', () => {
  test('bring tokens of the LMS, and no others', async () => {
    const { body } = await call(system.programsUrl)
    expect(body).toMatchObject(
      school.programs.map(({ key }, index) => ({
        program_key: key,
        program_title: `Masters ${index} of ${school.key}`,
        program_type: 'Masters',
        permissions: ['read_enrollments', 'read_metadata', 'write_enrollments'],
      })),
    )
    const ours = await system.world.token('partner')
    expect((await callRest(system.programsUrl, { token: ours })).status).toBe(401)
  })

  test('see the course runs of Discovery', async () => {
    expect((await call(at('courses'))).body).toMatchObject([
      { course_id: program.withExternalKey.key, external_course_key: program.withExternalKey.externalKey },
      { course_id: program.withoutExternalKey.key, external_course_key: null },
    ])
  })
})

describe('writes', () => {
  test('reach the LMS under the caller’s request id, and its outcomes the caller', async () => {
    system.edx.lms.requests.length = 0
    const answer = await callRest(at('enrollments'), {
      method: 'POST',
      token: school.token,
      headers: { 'x-request-id': 'from-the-partner' },
      body: [item('ann'), item('bob', 'pending'), item('cyd', 'nonsense'), item('dan'), item('dan')],
    })
    expect(answer).toMatchObject({
      status: 207,
      body: { ann: 'enrolled', bob: 'pending', cyd: 'invalid-status', dan: 'duplicated' },
    })
    expect(held()?.enrollments.rows).toMatchObject([
      { student_key: 'ann', status: 'enrolled', curriculum_uuid: program.curriculumUuid },
      { student_key: 'bob', status: 'pending' },
    ])
    expect(
      system.edx.lms.requests.filter(({ method, path }) => method === 'POST' && path.includes('/programs/')),
    ).toMatchObject([{ requestId: 'from-the-partner' }])
    expect(await call(at('enrollments'), 'POST', [item('ann')])).toMatchObject({
      status: 422,
      body: { ann: 'conflict' },
    })
    expect(await call(at('enrollments'), 'PATCH', [item('nobody')])).toMatchObject({
      status: 422,
      body: { nobody: 'not-in-program' },
    })
  })

  test('lose one bad row of 25 and no more', async () => {
    const learners = Array.from({ length: 25 }, (_, index) => item(index === 13 ? '' : `row-${index}`))
    const { status, body } = await call(at('enrollments'), 'POST', learners)
    expect(status).toBe(207)
    expect(body).toEqual(
      Object.fromEntries(
        learners.map(({ student_key }) => [student_key, student_key === '' ? 'internal-error' : 'enrolled']),
      ),
    )
  })

  test('in a course run go by its internal key, whichever is called', async () => {
    const { key, externalKey } = program.withExternalKey
    await call(at('enrollments'), 'PATCH', [item('ann'), item('bob')])
    expect(
      await call(at(`courses/${externalKey}/enrollments`), 'POST', [
        item('ann', 'active', { course_staff: null }),
      ]),
    ).toMatchObject({
      status: 200,
      body: { ann: 'active' },
    })
    expect(
      await call(at(`courses/${key}/enrollments`), 'POST', [item('ann', 'active'), item('zoe', 'active')]),
    ).toMatchObject({
      status: 422,
      body: { ann: 'conflict', zoe: 'not-in-program' },
    })
    expect(JSON.parse(await readByJob(at(`courses/${key}/enrollments`), school.token))).toEqual([
      { course_id: externalKey, student_key: 'ann', status: 'active', account_exists: false },
    ])
  })

  test('of many rows come as a file', async () => {
    const other = school.programs[1] as EdxProgram
    const rows = Array.from(
      { length: 90 },
      (_, index) => `up-${index},${index === 50 ? 'nonsense' : 'enrolled'}`,
    )
    const form = new FormData()
    form.set('file', new Blob([`student_key,status\n${rows.join('\n')}\n`]), 'rows.csv')
    const accepted = await callRest(at('enrollments/upload', other), {
      method: 'POST',
      token: school.token,
      body: form,
    })
    const job = await followJob((accepted.body as { job_url: string }).job_url, school.token)
    expect(job).toMatchObject({ state: 'Succeeded', text: '207' })
    const lines = (await (await fetch(job.result ?? '')).text()).trimEnd().split('\r\n')
    expect(lines).toHaveLength(91)
    expect(lines).toContain('up-50,invalid-status')
    expect(held(other)?.enrollments.rows).toHaveLength(89)
  })
})

describe('reads', () => {
  test('of many learners are whole and in order, with accounts for whom they are shown to', async () => {
    const other = school.programs[2] as EdxProgram
    const keys = system.edx.lms.state.generate(system.edx.lms.state.addProgram(other.uuid), 2_500, {
      prefix: 'many-',
    })
    const rows = JSON.parse(await readByJob(at('enrollments', other), school.token))
    expect(rows.map(({ student_key }: { student_key: string }) => student_key)).toEqual(keys)
    expect(rows[0]).toEqual({ account_exists: true, status: 'enrolled', student_key: keys[0] })

    const { accessControl } = system.world.operator
    await accessControl.setFlag({
      flag: 'include_name_email_in_get_program_enrollment',
      subject: { case: 'username', value: `partner-of-${school.key}` },
      enabled: true,
    })
    const [first, second] = JSON.parse(await readByJob(at('enrollments', other), school.token))
    expect(first).toMatchObject({ username: 'user-many-0', email: 'user-many-0@example.org' })
    expect(second).toMatchObject({ username: '', email: '' })
  })

  test('of grades tell in their text how the LMS judged', async () => {
    const { withExternalKey } = program
    const url = at(`courses/${withExternalKey.externalKey}/grades`)
    expect(await endOf(url)).toMatchObject({ state: 'Succeeded', text: '204' })
    system.edx.lms.state.linkAccount('ann', { username: 'ann', email: '' })
    const grades = held()?.courses.get(withExternalKey.key)?.grades
    grades?.set('ann', { letter_grade: 'A', percent: 0.95, passed: true })
    expect(await endOf(url)).toMatchObject({ state: 'Succeeded', text: '200' })
    expect(JSON.parse(await readByJob(url, school.token))).toEqual([
      { student_key: 'ann', letter_grade: 'A', percent: '0.950', passed: true },
    ])
    grades?.set('ann', { error: 'no grade' })
    expect(await endOf(url)).toMatchObject({ state: 'Succeeded', text: '422' })
  })

  test('of what is no enrollment fail with a reason that names nobody', async () => {
    system.edx.lms.quirks.editPage = ({ results, ...page }) => ({
      ...page,
      results: results.map((row) => ({ ...row, account_exists: 'canary' })),
    })
    const job = await endOf(at('enrollments'))
    expect(job.state).toBe('Failed')
    expect(job.text).toContain(
      'Invalid enrollment data from LMS: row 1 of a page has no usable account_exists',
    )
    expect(JSON.stringify(job)).not.toMatch(/canary|ann/)
  })

  test('of a program that the LMS does not know fail with its answer', async () => {
    const own = school.programs[1] as EdxProgram
    const kept = system.edx.lms.state.programs.get(own.uuid)
    system.edx.lms.state.programs.delete(own.uuid)
    const job = await endOf(at('enrollments', own))
    if (kept !== undefined) system.edx.lms.state.programs.set(own.uuid, kept)
    expect(job).toMatchObject({
      state: 'Failed',
      text: expect.stringContaining('HTTP error 404 when getting enrollments'),
    })
  })
})

describe('while the LMS is away', () => {
  test('a write is refused with when to come back, and goes through after', async () => {
    system.edx.lms.faults.set({ rates: { dropped: 1 } })
    const refused = await call(at('enrollments'), 'POST', [item('late')])
    expect([502, 503]).toContain(refused.status)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    system.edx.lms.faults.reset()
    await expect
      .poll(async () => (await call(at('enrollments'), 'POST', [item('late')])).status, {
        timeout: 30_000,
        interval: 1_000,
      })
      .toBe(200)
  })

  test('a job waits and ends well when it is back; lists and details go on', async () => {
    system.edx.lms.faults.set({ rates: { unavailable: 1 } })
    const accepted = await call(at('enrollments?fmt=csv'))
    const { job_url: jobUrl } = accepted.body as { job_url: string }
    await expect
      .poll(async () => ((await call(jobUrl)).body as JobStatus).state, { timeout: 30_000 })
      .toBe('Retrying')
    expect((await call(system.programsUrl)).body).toHaveLength(3)
    expect((await call(at('courses'))).status).toBe(200)
    system.edx.lms.faults.reset()
    expect(await followJob(jobUrl, school.token, 90_000)).toMatchObject({ state: 'Succeeded' })
  }, 120_000)

  test('nonsense from it is no fault of ours', async () => {
    system.edx.lms.quirks.editWrite = () => ({ status: 200, body: '<html>' })
    expect(await call(at('enrollments'), 'POST', [item('odd')])).toMatchObject({
      status: 422,
      body: { odd: 'internal-error' },
    })
  })
})

test('nothing of learners, and no token, was logged', () => {
  const log = system.lines.join('\n')
  expect(log).toContain('WriteProgramEnrollments')
  for (const secret of [
    'ann',
    'up-50',
    'many-0000001',
    'user-many',
    'row-13',
    school.token.split('.')[2] as string,
  ]) {
    expect(log.includes(`"${secret}`) || log.includes(`${secret}"`), secret).toBe(false)
  }
  expect(log).not.toMatch(/eyJ[\w-]+\.eyJ/)
  expect(log).not.toContain('registrar-backend-service-secret')
})
