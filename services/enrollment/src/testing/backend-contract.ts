import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import type { Batch, EnrollmentBackend, Reading } from '../backends/backend.ts'
import type { CourseGrade } from '../domain/course-grade.ts'
import type { CourseEnrollment, ProgramEnrollment } from '../domain/enrollment.ts'
import {
  collectOutcomes,
  type EnrollmentWrite,
  type WriteMode,
  withholdDuplicates,
} from '../domain/enrollment-write.ts'
import type { EnrollmentCourseRun, EnrollmentProgram } from '../domain/program.ts'
import { refusalOf } from './calls.ts'
import { EnrollmentModel, type ModelItem, type ModelMode } from './model.ts'

/** A program as a backend under test knows it: with a curriculum and two course runs. */
export type ContractProgram = {
  program: EnrollmentProgram
  runs: readonly [EnrollmentCourseRun, EnrollmentCourseRun]
}

/** A backend, and what its rules are tested with that is not done by itself. */
export type BackendUnderTest = {
  backend: EnrollmentBackend
  /** So many programs of one organization with the same two course runs, which no other programs have. */
  makePrograms(count: number): Promise<ContractProgram[]>
  linkAccount(
    program: EnrollmentProgram,
    account: { studentKey: string; username: string; email: string },
  ): Promise<void>
  recordGrade(program: EnrollmentProgram, run: EnrollmentCourseRun, grade: CourseGrade): Promise<void>
}

const author = { kind: 'user', name: 'partner', requestId: 'request-1' } as const
const modes: Record<ModelMode, WriteMode> = { POST: 'create', PATCH: 'update', PUT: 'create-or-update' }
const neverAborted = new AbortController().signal

/** What every backend does alike. */
export function testBackendContract(underTest: () => BackendUnderTest): void {
  let at: ContractProgram
  let sibling: ContractProgram

  beforeEach(async () => {
    const [first, second] = await underTest().makePrograms(2)
    at = first as ContractProgram
    sibling = second as ContractProgram
  })

  /** What came of each, as callers are told: `student key: status`, with `!` when it was refused. */
  async function tell(
    writes: EnrollmentWrite[],
    write: (unique: EnrollmentWrite[]) => ReturnType<EnrollmentBackend['writeProgramEnrollments']>,
  ): Promise<string[]> {
    const asked = withholdDuplicates(writes)
    const outcomes = collectOutcomes(asked, await write(asked.unique))
    return outcomes.map(
      ({ studentKey, status, accepted }) => `${studentKey}: ${accepted ? '' : '!'}${status}`,
    )
  }

  const writesOf = (pairs: readonly (readonly [string, string, boolean?])[]): EnrollmentWrite[] =>
    pairs.map(([studentKey, status, courseStaff]) => ({
      studentKey,
      status,
      ...(courseStaff !== undefined && { courseStaff }),
    }))

  function writeProgram(mode: WriteMode, pairs: readonly (readonly [string, string])[], { program } = at) {
    const curriculumUuid = program.activeCurriculumUuid as string
    return tell(writesOf(pairs), (writes) =>
      underTest().backend.writeProgramEnrollments(
        program,
        { mode, writes, author, curriculumUuid },
        neverAborted,
      ),
    )
  }

  function writeCourse(
    mode: WriteMode,
    pairs: readonly (readonly [string, string, boolean?])[],
    { program, runs } = at,
    run = runs[0],
  ) {
    return tell(writesOf(pairs), (writes) =>
      underTest().backend.writeCourseEnrollments(program, run, { mode, writes, author }, neverAborted),
    )
  }

  const reading = (more: Partial<Reading> = {}): Reading => ({
    pageToken: '',
    limit: 0,
    signal: neverAborted,
    requestId: 'request-1',
    ...more,
  })
  const programBatches = (more: Partial<Reading & { accounts: boolean }> = {}, { program } = at) =>
    collect<ProgramEnrollment>(
      underTest().backend.readProgramEnrollments(program, { accounts: false, ...reading(), ...more }),
    )
  const courseBatches = (more: Partial<Reading> = {}, { program, runs } = at, run = runs[0]) =>
    collect<CourseEnrollment>(underTest().backend.readCourseEnrollments(program, run, reading(more)))
  const gradeBatches = (more: Partial<Reading> = {}) =>
    collect<CourseGrade>(underTest().backend.readCourseGrades(at.program, at.runs[0], reading(more)))
  const rowsOf = <Row>(batches: Batch<Row>[]): Row[] => batches.flatMap(({ rows }) => [...rows])
  const keysOf = (batches: Batch<{ studentKey: string }>[]) =>
    rowsOf(batches).map(({ studentKey }) => studentKey)

  describe('a program write', () => {
    test('creates, updates or does both, by its mode', async () => {
      expect(
        await writeProgram('create', [
          ['b', 'pending'],
          ['a', 'enrolled'],
        ]),
      ).toEqual(['a: enrolled', 'b: pending'])
      expect(
        await writeProgram('create', [
          ['a', 'ended'],
          ['c', 'suspended'],
        ]),
      ).toEqual(['a: !conflict', 'c: suspended'])
      expect(
        await writeProgram('update', [
          ['a', 'canceled'],
          ['d', 'enrolled'],
        ]),
      ).toEqual(['a: canceled', 'd: !not-in-program'])
      expect(
        await writeProgram('create-or-update', [
          ['a', 'ended'],
          ['d', 'enrolled'],
        ]),
      ).toEqual(['a: ended', 'd: enrolled'])
      expect(rowsOf(await programBatches())).toMatchObject([
        { studentKey: 'a', status: 'ended' },
        { studentKey: 'b', status: 'pending' },
        { studentKey: 'c', status: 'suspended' },
        { studentKey: 'd', status: 'enrolled' },
      ])
    })

    test('of many batches leaves out one row that can be no enrollment, alone', async () => {
      const pairs = Array.from(
        { length: 60 },
        (_, i) => [`s${String(i).padStart(2, '0')}`, 'enrolled'] as const,
      )
      const told = await writeProgram('create', [
        ...pairs,
        ['s30 ', ''],
        ['t', ' '],
        ['x'.repeat(256), 'enrolled'],
      ])
      expect(told.filter((line) => !line.endsWith(': enrolled'))).toEqual([
        's30 : !internal-error',
        't: !internal-error',
        `${'x'.repeat(256)}: !internal-error`,
      ])
      expect(keysOf(await programBatches())).toEqual(pairs.map(([key]) => key))
    })

    test('takes keys of any script and form', async () => {
      const keys = [
        'Ann',
        'ann',
        "o'neil",
        '"q"',
        '{a,b}',
        '\\',
        '学生',
        'e\u0301',
        '__proto__',
        '10',
        '9',
        '\u{1f600}',
        '%s/../?',
      ]
      const told = await writeProgram(
        'create',
        keys.map((key) => [key, 'enrolled'] as const),
      )
      expect(told.filter((line) => line.includes('!'))).toEqual([])
      expect(new Set(keysOf(await programBatches()))).toEqual(new Set(keys))
    })

    test('of nobody does nothing', async () => {
      expect(await writeProgram('create', [])).toEqual([])
    })
  })

  describe('a course write', () => {
    test('asks for a place in the program, and for none by another program', async () => {
      await writeProgram('create', [
        ['a', 'enrolled'],
        ['b', 'enrolled'],
      ])
      await writeProgram('create', [['b', 'enrolled']], sibling)
      await writeCourse('create', [['b', 'active']], sibling)
      expect(
        await writeCourse('create', [
          ['a', 'active'],
          ['b', 'active'],
          ['c', 'active'],
        ]),
      ).toEqual(['a: active', 'b: !conflict', 'c: !not-in-program'])
      expect(await writeCourse('create', [['b', 'inactive']])).toEqual(['b: inactive'])
    })

    test('updates who is there', async () => {
      await writeProgram('create', [
        ['a', 'enrolled'],
        ['b', 'enrolled'],
      ])
      await writeCourse('create', [['a', 'active']])
      expect(
        await writeCourse('update', [
          ['a', 'inactive'],
          ['b', 'active'],
          ['c', 'x'],
        ]),
      ).toEqual(['a: inactive', 'b: !not-found', 'c: !invalid-status'])
      expect(keysOf(await courseBatches({}, at, at.runs[1]))).toEqual([])
    })

    test('leaves staff as it was unless it says so', async () => {
      await writeProgram('create', [
        ['a', 'enrolled'],
        ['b', 'enrolled'],
      ])
      await writeCourse('create', [
        ['a', 'active', true],
        ['b', 'active'],
      ])
      await writeCourse('create-or-update', [
        ['a', 'inactive'],
        ['b', 'active', true],
      ])
      await writeCourse('update', [['b', 'active', false]])
      expect(rowsOf(await courseBatches())).toMatchObject([
        { studentKey: 'a', status: 'inactive', accountExists: false, courseStaff: true },
        { studentKey: 'b', status: 'active', accountExists: false, courseStaff: false },
      ])
    })
  })

  describe('a reading', () => {
    const enroll = async (count: number) => {
      const pairs = Array.from(
        { length: count },
        (_, i) => [`s${String(i).padStart(6, '0')}`, 'enrolled'] as const,
      )
      await writeProgram('create', pairs)
      return pairs.map(([key]) => key)
    }

    test('comes in batches of 1,000 at most, ends with an empty token, and can be taken up at any', async () => {
      const keys = await enroll(2_345)
      const batches = await programBatches()
      expect(keysOf(batches)).toEqual(keys)
      expect(Math.max(...batches.map(({ rows }) => rows.length))).toBeLessThanOrEqual(1_000)
      const tokens = batches.map(({ nextPageToken }) => nextPageToken)
      expect(tokens.indexOf('')).toBe(batches.length - 1)
      for (const [index, pageToken] of tokens.entries()) {
        if (pageToken === '' || ![0, 1, batches.length - 2].includes(index)) continue
        const behind = batches.slice(0, index + 1).reduce((sum, { rows }) => sum + rows.length, 0)
        expect(keysOf(await programBatches({ pageToken }))).toEqual(keys.slice(behind))
      }
    })

    test('with a limit stops there, and goes on from there', async () => {
      const keys = await enroll(250)
      const read: string[] = []
      let pageToken = ''
      for (let limit = 1; ; limit = (limit * 3) % 101) {
        const batches = await programBatches({ pageToken, limit })
        expect(rowsOf(batches).length).toBeLessThanOrEqual(limit)
        read.push(...keysOf(batches))
        pageToken = batches.at(-1)?.nextPageToken ?? ''
        if (pageToken === '') break
      }
      expect(read).toEqual(keys)
      expect((await programBatches({ limit: 250 })).at(-1)?.nextPageToken).toBe('')
      expect((await programBatches({ limit: 249 })).at(-1)?.nextPageToken).not.toBe('')
    })

    test('of nobody is one batch without rows', async () => {
      for (const batches of [await programBatches(), await courseBatches(), await gradeBatches()]) {
        expect(batches).toEqual([{ rows: [], nextPageToken: '' }])
      }
    })

    test('goes on to what was added behind a token', async () => {
      await enroll(5)
      const pageToken = (await programBatches({ limit: 3 })).at(-1)?.nextPageToken
      await writeProgram('create', [['a-later', 'enrolled']])
      expect(keysOf(await programBatches({ pageToken }))).toEqual(['s000003', 's000004', 'a-later'])
    })

    test('refuses a token of another list and one that is none', async () => {
      await enroll(3)
      const pageToken = (await programBatches({ limit: 1 })).at(-1)?.nextPageToken ?? ''
      const parts = JSON.parse(Buffer.from(pageToken, 'base64url').toString()) as unknown[]
      const forge = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const forged = [
        'x',
        '%',
        forge({}),
        forge([]),
        forge([...parts, 1]),
        forge([...parts.slice(0, -1), {}]),
      ]
      for (const token of forged) {
        expect((await refusalOf(programBatches({ pageToken: token }))).reason).toBe(Reason.PAGE_TOKEN_INVALID)
      }
      for (const other of [
        programBatches({ pageToken }, sibling),
        courseBatches({ pageToken }),
        gradeBatches({ pageToken }),
      ]) {
        expect((await refusalOf(other)).reason).toBe(Reason.PAGE_TOKEN_INVALID)
      }
    })

    test('ends with its signal', async () => {
      await enroll(1_100)
      const abort = new AbortController()
      const batches = underTest().backend.readProgramEnrollments(at.program, {
        ...reading({ signal: abort.signal }),
        accounts: false,
      })
      await expect(
        (async () => {
          for await (const _ of batches) abort.abort(new Error('enough'))
        })(),
      ).rejects.toThrow('enough')
    })

    test('tells accounts when it is asked to', async () => {
      await enroll(2)
      await underTest().linkAccount(at.program, {
        studentKey: 's000001',
        username: 'bob',
        email: 'bob@example.org',
      })
      const common = { status: 'enrolled', accountExists: false, username: '', email: '' }
      const [first, second] = [
        { ...common, studentKey: 's000000' },
        { ...common, studentKey: 's000001', accountExists: true },
      ]
      expect(rowsOf(await programBatches())).toMatchObject([first, second])
      expect(rowsOf(await programBatches({ accounts: true }))).toMatchObject([
        first,
        { ...second, username: 'bob', email: 'bob@example.org' },
      ])
    })
  })

  test('grades are those of learners with accounts', async () => {
    const { backend: _, linkAccount, recordGrade } = underTest()
    await writeProgram('create', [
      ['a', 'enrolled'],
      ['b', 'enrolled'],
      ['c', 'enrolled'],
      ['d', 'enrolled'],
    ])
    await writeCourse('create', [
      ['a', 'active'],
      ['b', 'active'],
      ['c', 'active'],
      ['d', 'inactive'],
    ])
    for (const studentKey of ['a', 'b', 'd'])
      await linkAccount(at.program, { studentKey, username: studentKey, email: '' })
    const grades: CourseGrade[] = [
      { studentKey: 'a', letterGrade: 'A', percent: '0.950', passed: true },
      { studentKey: 'b', error: 'no grade' },
      { studentKey: 'd', percent: '1.000', passed: true },
    ]
    for (const grade of [...grades, { studentKey: 'c', percent: '0.100', passed: false }]) {
      await recordGrade(at.program, at.runs[0], grade)
    }
    expect(rowsOf(await gradeBatches())).toMatchObject(grades)
    const [batch] = await gradeBatches({ limit: 2 })
    expect(rowsOf(await gradeBatches({ pageToken: batch?.nextPageToken }))).toMatchObject(grades.slice(2))
  })

  test('any sequence of writes has the outcomes of the rules and leaves what they leave', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 20, size: 'max' }), async (commands) => {
        const programs = await underTest().makePrograms(2)
        const model = new EnrollmentModel(() => 'one organization')
        for (const { index, run, mode, items } of commands) {
          const target = programs[index] as ContractProgram
          const name = String(index)
          const pairs = items.map((item) => [item.studentKey, item.status, item.courseStaff] as const)
          const told =
            run === undefined
              ? await writeProgram(
                  modes[mode],
                  pairs.map(([key, status]) => [key, status] as const),
                  target,
                )
              : await writeCourse(modes[mode], pairs, target, target.runs[run])
          const expected =
            run === undefined
              ? model.writeProgram(name, mode, items)
              : model.writeCourse(name, String(run), mode, items)
          const outcomes = told.map((line) => line.replace('!', '').split(': '))
          expect(Object.fromEntries(outcomes)).toEqual(expected)
        }
        for (const [index, target] of programs.entries()) {
          const rows = rowsOf(await programBatches({}, target))
          expect(Object.fromEntries(rows.map((row) => [row.studentKey, row.status]))).toEqual(
            Object.fromEntries(model.programs.get(String(index)) ?? []),
          )
          for (const run of [0, 1] as const) {
            const places = rowsOf(await courseBatches({}, target, target.runs[run]))
            expect(
              Object.fromEntries(
                places.map(({ studentKey, status, courseStaff }) => [studentKey, { status, courseStaff }]),
              ),
            ).toEqual(Object.fromEntries(model.courses.get(String(index))?.get(String(run)) ?? []))
          }
        }
      }),
      { numRuns: 30 },
    )
  }, 120_000)
}

const studentKey = fc.constantFrom('a', 'b', 'c', 'd')
const itemsWith = (...statuses: string[]): fc.Arbitrary<ModelItem[]> =>
  fc.array(
    fc.record(
      { studentKey, status: fc.constantFrom(...statuses, 'nonsense'), courseStaff: fc.boolean() },
      { requiredKeys: ['studentKey', 'status'] },
    ),
    { maxLength: 4, size: 'max' },
  )
const anywhere = { index: fc.nat({ max: 1 }), mode: fc.constantFrom<ModelMode>('POST', 'PATCH', 'PUT') }
const command = fc.oneof(
  fc.record({ ...anywhere, run: fc.constant(undefined), items: itemsWith('enrolled', 'pending', 'ended') }),
  fc.record({
    ...anywhere,
    run: fc.constantFrom(0 as const, 1 as const),
    items: itemsWith('active', 'active', 'inactive'),
  }),
)

/** Ids for so many programs of one organization with two course runs of their own. */
export function makeContractPrograms(count: number): ContractProgram[] {
  const organizationId = randomUUID()
  const [one, two] = [`course-v1:Org+${randomUUID()}+1`, `course-v1:Org+${randomUUID()}+2`]
  return Array.from({ length: count }, () => ({
    program: { uuid: randomUUID(), organizationId, activeCurriculumUuid: randomUUID() },
    runs: [
      { key: one, publicKey: one },
      { key: two, publicKey: 'external' },
    ],
  }))
}

async function collect<Row>(batches: AsyncIterable<Batch<Row>>): Promise<Batch<Row>[]> {
  const all: Batch<Row>[] = []
  for await (const batch of batches) all.push(batch)
  return all
}
