import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type EdxProgram, type EdxSchool, type EdxStack, startEdxStack } from '../edx/edx-stack.ts'
import { callRest, followJob } from '../fixtures/rest.ts'

// Three answers of ten go wrong. `EDX_JOBS=200` for more of them by hand.
const jobs = Number(process.env.EDX_JOBS || 40)
const faults = {
  seed: 20_260,
  rates: { unavailable: 0.1, throttled: 0.04, dropped: 0.08, lost: 0.04, brokenOff: 0.02, garbage: 0.02 },
  retryAfterSeconds: 1,
}

let system: EdxStack
let school: EdxSchool

beforeAll(async () => {
  system = await startEdxStack({ LOG_LEVEL: 'warn' })
  school = await system.makeSchool(8)
  for (const { uuid } of school.programs) {
    const { state } = system.edx.lms
    state.generate(state.addProgram(uuid), 1_000, { prefix: `${uuid.slice(0, 8)}-`, withCourses: true })
  }
}, 120_000)

afterAll(() => system?.close())
afterEach(() => system.edx.lms.faults.reset())

const held = ({ uuid }: EdxProgram) => {
  const program = system.edx.lms.state.programs.get(uuid)
  if (program === undefined) throw new Error('the LMS has lost a program')
  return program
}

const resultOf = async (url: string | null) => (await fetch(url ?? '')).text()

async function upload(path: string, csv: string) {
  const form = new FormData()
  form.set('file', new Blob([csv]), 'rows.csv')
  const { status, body, text } = await callRest(`${system.programsUrl}/${path}/upload`, {
    method: 'POST',
    token: school.token,
    body: form,
  })
  if (status !== 202) throw new Error(`${status}: ${text}`)
  const job = await followJob((body as { job_url: string }).job_url, school.token, 240_000)
  expect(job.state, job.text ?? '').toBe('Succeeded')
  const [, ...lines] = (await resultOf(job.result)).trimEnd().split('\r\n')
  return { text: job.text, lines }
}

test(`${jobs} read jobs of 1,000 rows all succeed, exactly`, async () => {
  system.edx.lms.faults.set(faults)
  const started = await Promise.all(
    Array.from({ length: jobs }, async (_, index) => {
      const program = school.programs[index % school.programs.length] as EdxProgram
      const isCourse = index % 3 === 0
      const path = isCourse ? `courses/${program.withExternalKey.externalKey}/enrollments` : 'enrollments'
      const { status, body, text } = await callRest(`${system.programsUrl}/${program.key}/${path}?fmt=csv`, {
        token: school.token,
      })
      if (status !== 202) throw new Error(`${status}: ${text}`)
      return { program, isCourse, url: (body as { job_url: string }).job_url }
    }),
  )
  for (const { program, isCourse, url } of started) {
    const job = await followJob(url, school.token, 240_000)
    expect(job.state, job.text ?? '').toBe('Succeeded')
    const { withExternalKey } = program
    const { enrollments, courses } = held(program)
    const rows = isCourse ? courses.get(withExternalKey.key)?.enrollments.rows : enrollments.rows
    const expected = rows?.map(({ student_key, status, account_exists }) => {
      const cells = [student_key, status, account_exists ? 'True' : 'False']
      return (isCourse ? [withExternalKey.externalKey, ...cells] : cells).join(',')
    })
    expect((await resultOf(job.result)).trimEnd().split('\r\n').slice(1)).toEqual(expected)
  }
  expect(Object.keys(system.edx.lms.faults.counts).length).toBeGreaterThanOrEqual(3)
}, 300_000)

test('uploads tell of each row what the LMS holds', async () => {
  system.edx.lms.faults.set(faults)
  const statuses = ['enrolled', 'pending', 'suspended', 'nonsense', 'ended']
  await Promise.all(
    school.programs.slice(0, 4).map(async (program, index) => {
      const wanted = new Map(
        Array.from({ length: 400 }, (_, row) => [`new-${index}-${row}`, statuses[row % 5] as string]),
      )
      const csv = [
        'student_key,status',
        ...[...wanted].map((pair) => pair.join(',')),
        'twice,enrolled',
        'twice,ended',
      ]
      const { text, lines } = await upload(`${program.key}/enrollments`, csv.join('\n'))
      expect(text).toBe('207')
      const told = new Map(lines.map((line) => line.split(',') as [string, string]))
      expect(told.get('twice')).toBe('duplicated')
      for (const [studentKey, status] of wanted) {
        const isGood = status !== 'nonsense'
        expect(told.get(studentKey)).toBe(isGood ? status : 'invalid-status')
        expect(held(program).enrollments.find(studentKey)?.status).toBe(isGood ? status : undefined)
      }
      expect(told.size).toBe(401)
    }),
  )
}, 300_000)

test('a course upload does too', async () => {
  system.edx.lms.faults.set(faults)
  const program = school.programs[4] as EdxProgram
  const prefix = `${program.uuid.slice(0, 8)}-`
  const { withExternalKey, withoutExternalKey } = program
  const rows = Array.from({ length: 300 }, (_, index) => {
    const course = [withExternalKey.externalKey, withoutExternalKey.key, 'no-such-course'][
      index % 3
    ] as string
    const studentKey = index % 10 === 0 ? `stranger-${index}` : `${prefix}${String(index).padStart(7, '0')}`
    return { course, studentKey, status: index % 2 === 0 ? 'inactive' : 'active' }
  })
  const csv = [
    'course_id,student_key,status',
    ...rows.map((row) => `${row.course},${row.studentKey},${row.status}`),
  ]
  const { text, lines } = await upload(`${program.key}/course_enrollments`, csv.join('\n'))
  expect(text).toBe('207')
  const told = new Map(
    lines.map((line) => {
      const [course, studentKey, status] = line.split(',')
      return [`${course} ${studentKey}`, status]
    }),
  )
  const runs = new Map([
    [withExternalKey.externalKey, withExternalKey.key],
    [withoutExternalKey.key, withoutExternalKey.key],
  ])
  for (const { course, studentKey, status } of rows) {
    const run = held(program).courses.get(runs.get(course) ?? '')
    const isStranger = studentKey.startsWith('stranger')
    const expected = run === undefined ? 'course-not-found' : isStranger ? 'not-in-program' : status
    expect(told.get(`${course} ${studentKey}`)).toBe(expected)
    if (expected === status) expect(run?.enrollments.find(studentKey)?.status).toBe(status)
  }
}, 300_000)

test('what a partner writes by hand is what is told, and never an error of ours', async () => {
  system.edx.lms.faults.set(faults)
  const program = school.programs[5] as EdxProgram
  const url = `${system.programsUrl}/${program.key}/enrollments`
  for (let round = 0; round < 40; round++) {
    const body = Array.from({ length: 10 }, (_, index) => ({
      student_key: `hand-${round}-${index}`,
      status: 'enrolled',
    }))
    const answer = await callRest(url, { method: 'POST', token: school.token, body })
    if (answer.status === 200) {
      for (const { student_key } of body) {
        expect(held(program).enrollments.find(student_key)?.status).toBe('enrolled')
      }
      continue
    }
    // Whether it was done is not known, so it is not said.
    if (answer.status !== 422) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect([422, 502, 503]).toContain(answer.status)
  }
}, 120_000)
