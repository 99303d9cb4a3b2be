import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import type { EnrollmentCourseRun, EnrollmentProgram } from '../../domain/program.ts'
import { refusalOf } from '../../testing/calls.ts'
import { startTestLms, type TestLms } from '../../testing/lms.ts'
import type { Batch, EnrollmentBackend, Reading } from '../backend.ts'

let testLms: TestLms

beforeAll(async () => {
  testLms = await startTestLms()
})

afterAll(() => testLms.close())

afterEach(() => {
  const { lms } = testLms
  Object.assign(lms.quirks, { refusesPageSize: false, pageSize: undefined, editPage: undefined })
  lms.faults.reset()
  lms.requests.length = 0
})

const reading = (more: Partial<Reading> = {}) => ({
  pageToken: '',
  limit: 0,
  signal: new AbortController().signal,
  requestId: 'request-1',
  accounts: true,
  ...more,
})

async function rowsOf<Row>(batches: AsyncIterable<Batch<Row>>): Promise<Row[]> {
  const rows: Row[] = []
  for await (const batch of batches) rows.push(...batch.rows)
  return rows
}

function fill(count: number) {
  const made = testLms.makeProgram()
  const state = testLms.lms.state
  const keys = state.generate(state.addProgram(made.program.uuid), count, { withCourses: true })
  return { ...made, keys }
}

async function keysOf(program: EnrollmentProgram, backend = testLms.backend, more: Partial<Reading> = {}) {
  const rows = await rowsOf(backend.readProgramEnrollments(program, reading(more)))
  return rows.map(({ studentKey }) => studentKey)
}

/** The LMS answers with this page, whatever is there. */
function answerPage(page: unknown): void {
  testLms.lms.quirks.editPage = () => page
}

const queries = () => testLms.lms.requests.map(({ path }) => new URL(path, 'http://lms').search)
const row = { student_key: 'a', status: 'enrolled', account_exists: true, username: 'ann', email: 'a@b.org' }

describe('pages', () => {
  test('are asked for in the size that is set, by a path and a request id that the LMS knows', async () => {
    const { program, run, keys } = fill(25)
    await keysOf(program)
    testLms.lms.requests.length = 0
    expect(await keysOf(program, testLms.connect({ pageSize: 10 }))).toEqual(keys)
    const root = `/api/program_enrollments/v1/programs/${program.uuid}`
    const paths = testLms.lms.requests.filter(({ path }) => !path.startsWith('/oauth2'))
    expect(paths).toMatchObject([
      { path: `${root}/enrollments/?page_size=10`, requestId: 'request-1' },
      { path: expect.stringContaining('page_size=10&cursor='), requestId: 'request-1' },
      { path: expect.stringContaining('page_size=10&cursor='), requestId: 'request-1' },
    ])
    testLms.lms.requests.length = 0
    await rowsOf(testLms.backend.readCourseEnrollments(program, run, reading()))
    await rowsOf(testLms.backend.readCourseGrades(program, run, reading()))
    expect(testLms.lms.requests.map(({ path }) => path)).toEqual([
      `${root}/courses/${run.key}/enrollments/?page_size=1000`,
      `${root}/courses/${run.key}/grades/?page_size=1000`,
    ])
  })

  test('are fetched one ahead of a slow reader and no further, and none behind the limit', async () => {
    const { program } = fill(100)
    const backend = testLms.connect({ pageSize: 10 })
    await keysOf(program, backend, { limit: 10 })
    testLms.lms.requests.length = 0
    const batches = backend.readProgramEnrollments(program, reading())[Symbol.asyncIterator]()
    for (let taken = 1; taken <= 4; taken++) {
      await batches.next()
      await expect.poll(() => testLms.lms.requests.length).toBe(taken + 1)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(testLms.lms.requests).toHaveLength(5)
    await batches.return?.()
    testLms.lms.requests.length = 0
    expect(await keysOf(program, backend, { limit: 15 })).toHaveLength(15)
    expect(testLms.lms.requests).toHaveLength(2)
    expect(queries()[1]).toContain('page_size=5&')
  })

  test('have the LMS’s own size when it refuses ours, from then on without asking', async () => {
    const { program, keys } = fill(250)
    testLms.lms.quirks.refusesPageSize = true
    const backend = testLms.connect()
    expect(await keysOf(program, backend)).toEqual(keys)
    expect(queries().filter((query) => query.includes('page_size'))).toHaveLength(1)
    const read: string[] = []
    let pageToken = ''
    do {
      for await (const batch of backend.readProgramEnrollments(program, reading({ pageToken, limit: 60 }))) {
        read.push(...batch.rows.map(({ studentKey }) => studentKey))
        pageToken = batch.nextPageToken
      }
    } while (pageToken !== '')
    expect(read).toEqual(keys)
  })

  test('a token stays good when pages have another size', async () => {
    const { program, keys } = fill(200)
    const [batch] = [
      await testLms
        .connect({ pageSize: 150 })
        .readProgramEnrollments(program, reading({ limit: 90 }))
        [Symbol.asyncIterator]()
        .next(),
    ]
    testLms.lms.quirks.pageSize = 150
    const backend = testLms.connect({ pageSize: 150 })
    const tokens: string[] = []
    for await (const each of backend.readProgramEnrollments(program, reading({ limit: 140 }))) {
      tokens.push(each.nextPageToken)
    }
    testLms.lms.quirks.pageSize = 20
    expect(await keysOf(program, backend, { pageToken: tokens[0] })).toEqual(keys.slice(140))
    expect(await keysOf(program, backend, { pageToken: batch?.value.nextPageToken })).toEqual(keys.slice(90))
  })

  test('are found by the place that a link names, wherever else it leads', async () => {
    const { program, keys } = fill(30)
    testLms.lms.quirks.editPage = ({ next, ...page }) => ({
      ...page,
      next: next?.replace(/^.*\?/, 'http://169.254.169.254:1/elsewhere/?evil=1&'),
    })
    expect(await keysOf(program, testLms.connect({ pageSize: 10 }))).toEqual(keys)
    expect(queries().join()).not.toContain('evil')
  })

  test.each([
    ['by number', (number: number) => `?page=${number}&page_size=10`],
    ['by offset', (number: number) => `?offset=${(number - 1) * 10}`],
  ])('may be told %s', async (_, linkTo) => {
    const { program, keys } = fill(30)
    testLms.lms.quirks.editPage = (_page, path) => {
      const query = new URL(path, 'http://lms').searchParams
      const number = Number(query.get('page') ?? Number(query.get('offset') ?? 0) / 10 + 1)
      const results = keys.slice((number - 1) * 10, number * 10).map((key) => ({ ...row, student_key: key }))
      return { results, next: number < 3 ? `http://lms/${linkTo(number + 1)}` : null }
    }
    expect(await keysOf(program)).toEqual(keys)
  })

  test('that lead to themselves or nowhere are a failure', async () => {
    const { program } = fill(30)
    for (const [next, problem] of [
      ['http://lms/?evil=1', 'leads nowhere'],
      [7, 'leads nowhere'],
      ['http://lms/?cursor=cD0xMA==', 'leads to the same page'],
    ]) {
      testLms.lms.quirks.editPage = (page) => ({ ...page, next })
      expect(await refusalOf(keysOf(program))).toMatchObject({
        reason: Reason.UPSTREAM_FAILED,
        message: `Invalid enrollment data from LMS: the link to the next page ${problem}.`,
      })
    }
  })

  test('a made-up token is refused as the caller’s fault, and cannot ask for more', async () => {
    const { program } = fill(3)
    const forge = (position: object, skip: unknown = 0) =>
      Buffer.from(JSON.stringify(['LMS program enrollments', program.uuid, position, skip])).toString(
        'base64url',
      )
    const tokens = [
      forge({ cursor: 'made-up' }),
      forge({ username: 'x' }),
      forge({ cursor: 7 }),
      forge({ cursor: 'x'.repeat(1_001) }),
      forge({ cursor: 'cD0x' }, -1),
      forge({ cursor: 'cD0x' }, '1'),
    ]
    for (const pageToken of tokens) {
      expect((await refusalOf(keysOf(program, undefined, { pageToken }))).reason).toBe(
        Reason.PAGE_TOKEN_INVALID,
      )
    }
    expect(testLms.lms.requests).toHaveLength(1)
  })
})

describe('rows', () => {
  const readRow = async (more: object) => {
    answerPage({ next: null, previous: null, results: [{ ...row, ...more }] })
    return rowsOf(testLms.backend.readProgramEnrollments(fill(1).program, reading()))
  }
  const clean = {
    studentKey: 'a',
    status: 'enrolled',
    accountExists: true,
    username: 'ann',
    email: 'a@b.org',
  }

  test.each([
    ['more fields', { curriculum_uuid: 'x', unknown: { deep: [1] } }, {}],
    ['a number as key', { student_key: 12345 }, { studentKey: '12345' }],
    ['white space around a key', { student_key: ' a b\t' }, { studentKey: 'a b' }],
    ['a boolean as a word', { account_exists: 'true' }, {}],
    ['a boolean as a number', { account_exists: 0 }, { accountExists: false }],
    ['a status of its own', { status: 'retired' }, { status: 'retired' }],
    ['no account', { username: null, email: '' }, { username: '', email: '' }],
    ['no word of accounts', { username: undefined, email: undefined }, { username: '', email: '' }],
  ])('may have %s', async (_, more, expected) => {
    expect(await readRow(more)).toEqual([{ ...clean, ...expected }])
  })

  test.each([
    ['student_key', undefined],
    ['student_key', null],
    ['student_key', ' '],
    ['student_key', true],
    ['student_key', 2 ** 60],
    ['student_key', ['canary']],
    ['status', undefined],
    ['status', ''],
    ['account_exists', undefined],
    ['account_exists', 'canary'],
    ['email', { canary: 1 }],
  ])('without a usable %s (%j) are a failure that names the field and nothing else', async (field, value) => {
    expect(await refusalOf(readRow({ [field]: value, username: 'canary' }))).toMatchObject({
      reason: Reason.UPSTREAM_FAILED,
      message: `Invalid enrollment data from LMS: row 1 of a page has no usable ${field}.`,
    })
  })

  test.each([[[]], [{}], [{ results: {} }], ['"text"'], [7], [{ results: [7] }], [{ results: [null] }]])(
    '%j is no page',
    async (page) => {
      answerPage(page)
      expect(await refusalOf(keysOf(fill(1).program))).toMatchObject({
        reason: Reason.UPSTREAM_FAILED,
        message: expect.stringMatching(/^Invalid enrollment data from LMS: /),
      })
    },
  )

  test('of a course say nothing of staff in an older LMS', async () => {
    const { program, run } = fill(1)
    const read = () => rowsOf(testLms.backend.readCourseEnrollments(program, run, reading()))
    for (const [course_staff, expected] of [
      [undefined, false],
      [null, false],
      ['True', true],
    ]) {
      answerPage({ results: [{ student_key: 'a', status: 'active', account_exists: false, course_staff }] })
      expect(await read()).toEqual([
        { studentKey: 'a', status: 'active', accountExists: false, courseStaff: expected },
      ])
    }
    answerPage({
      results: [{ student_key: 'a', status: 'active', account_exists: false, course_staff: 'x' }],
    })
    expect((await refusalOf(read())).message).toContain('no usable course_staff')
  })
})

describe('grades', () => {
  const readGrade = async (grade: object) => {
    answerPage({ results: [{ student_key: 'a', ...grade }] })
    const { program, run } = fill(1)
    return rowsOf(testLms.backend.readCourseGrades(program, run, reading()))
  }
  const whole = { letter_grade: 'A', percent: 0.95, passed: true }

  test.each([
    [whole, { letterGrade: 'A', percent: '0.950', passed: true }],
    [
      { ...whole, letter_grade: null },
      { percent: '0.950', passed: true },
    ],
    [
      { ...whole, percent: 1 },
      { letterGrade: 'A', percent: '1.000', passed: true },
    ],
    [
      { ...whole, percent: 0 },
      { letterGrade: 'A', percent: '0.000', passed: true },
    ],
    [
      { ...whole, percent: '0.123' },
      { letterGrade: 'A', percent: '0.123', passed: true },
    ],
    [
      { ...whole, percent: 9.999 },
      { letterGrade: 'A', percent: '9.999', passed: true },
    ],
    [
      { ...whole, passed: 'False', more: 1 },
      { letterGrade: 'A', percent: '0.950', passed: false },
    ],
    [{ error: ' no grade ' }, { error: 'no grade' }],
  ])('%j', async (grade, expected) => {
    expect(await readGrade(grade)).toEqual([{ studentKey: 'a', ...expected }])
  })

  test.each([
    [{ ...whole, percent: 0.123456 }],
    [{ ...whole, percent: 10 }],
    [{ ...whole, percent: -0.5 }],
    [{ ...whole, percent: 1e-7 }],
    [{ ...whole, percent: 'canary' }],
    [{ ...whole, letter_grade: '' }],
    [{ percent: 0.5, passed: true }],
    [{ letter_grade: 'A', passed: true }],
    [{ letter_grade: 'A', percent: 0.5 }],
    [{ ...whole, error: 'canary' }],
    [{ error: '' }],
    [{ error: null }],
    [{}],
  ])('%j is none', async (grade) => {
    const refusal = await refusalOf(readGrade(grade))
    expect(refusal.reason).toBe(Reason.UPSTREAM_FAILED)
    expect(refusal.message).toMatch(
      /^Invalid grade data from LMS: row 1 of a page has (no usable \w+|a grade and an error)\.$/,
    )
    expect(refusal.message).not.toContain('canary')
  })

  test('of nobody, of errors only and of both are read', async () => {
    const { program, run } = testLms.makeProgram()
    const state = testLms.lms.state
    const read = () => rowsOf(testLms.backend.readCourseGrades(program, run, reading()))
    expect(await read()).toEqual([])
    state.generate(state.addProgram(program.uuid), 3, { withCourses: true })
    const grades = state.programs.get(program.uuid)?.courses.get(run.key)?.grades
    grades?.set('learner-0000000', { error: 'no' })
    expect(await read()).toMatchObject([{ error: 'no' }, { percent: '0.002' }])
    grades?.set('learner-0000002', { error: 'no' })
    expect(await read()).toMatchObject([{ error: 'no' }, { error: 'no' }])
  })
})

describe('failures', () => {
  const readAll = (backend: EnrollmentBackend, program: EnrollmentProgram, run: EnrollmentCourseRun) => [
    rowsOf(backend.readProgramEnrollments(program, reading())),
    rowsOf(backend.readCourseEnrollments(program, run, reading())),
    rowsOf(backend.readCourseGrades(program, run, reading())),
  ]

  test('what the LMS does not know is told with its status and where', async () => {
    const { program, run } = testLms.makeProgram()
    testLms.lms.state.reset()
    const root = `/api/program_enrollments/v1/programs/${program.uuid}`
    const messages = await Promise.all(
      readAll(testLms.backend, program, run).map(async (read) => (await refusalOf(read)).message),
    )
    expect(messages).toEqual([
      `HTTP error 404 when getting enrollments at ${root}/enrollments/`,
      `HTTP error 404 when getting enrollments at ${root}/courses/${run.key}/enrollments/`,
      `HTTP error 404 when getting grades at ${root}/courses/${run.key}/grades/`,
    ])
  })

  test('an LMS that answers three requests of ten wrongly is read whole and exactly', async () => {
    const { program, keys } = fill(3_000)
    testLms.lms.faults.set({
      seed: 5,
      rates: {
        unavailable: 0.06,
        throttled: 0.04,
        dropped: 0.05,
        brokenOff: 0.05,
        garbage: 0.05,
        failed: 0.05,
      },
      retryAfterSeconds: 0,
    })
    expect(await keysOf(program, testLms.connect({ pageSize: 100 }))).toEqual(keys)
    expect(Object.keys(testLms.lms.faults.counts).length).toBeGreaterThanOrEqual(4)
  })

  test('each kind of trouble has its reason', async () => {
    const { program } = fill(1)
    const reasonWith = async (rates: object, backend = testLms.connect()) => {
      testLms.lms.faults.set({ rates, tokensToo: false })
      return (await refusalOf(keysOf(program, backend))).reason
    }
    expect(await Promise.all([reasonWith({ unavailable: 1 }), reasonWith({ unavailable: 1 })])).toEqual([
      Reason.UPSTREAM_UNAVAILABLE,
      Reason.UPSTREAM_UNAVAILABLE,
    ])
    expect(await reasonWith({ garbage: 1 })).toBe(Reason.UPSTREAM_FAILED)
    testLms.lms.faults.set({ latencyMs: 300, rates: {} })
    const impatient = testLms.connect({ limits: { answerMs: 50 } })
    expect((await refusalOf(keysOf(program, impatient))).reason).toBe(Reason.UPSTREAM_TIMEOUT)
  })
})

test('a course key cannot lead elsewhere', async () => {
  const { program } = fill(1)
  for (const key of ['../../x', 'a/../b', './a', 'a//b', '']) {
    const run = { key, publicKey: key }
    const read = async () => rowsOf(testLms.backend.readCourseEnrollments(program, run, reading()))
    expect((await refusalOf(read())).reason).toBe(Reason.COURSE_NOT_FOUND)
  }
  expect(testLms.lms.requests).toHaveLength(0)
  for (const key of ['course-v1:A+B+C#y;ü', 'Org/A/%2e%2e']) {
    const run = { key, publicKey: key }
    testLms.lms.state.addProgram(program.uuid, [key])
    expect(await rowsOf(testLms.backend.readCourseEnrollments(program, run, reading()))).toEqual([])
  }
})
