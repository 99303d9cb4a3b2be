import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { WriteMode } from '../domain/enrollment-write.ts'
import {
  type BackendUnderTest,
  type ContractProgram,
  createDriver,
  keysOf,
  type Places,
  rowsOf,
} from './backend-driver.ts'
import { EnrollmentModel, type ModelItem, type ModelMode } from './model.ts'

const modes: Record<ModelMode, WriteMode> = { POST: 'create', PATCH: 'update', PUT: 'create-or-update' }

export function testWriting(underTest: () => BackendUnderTest, places: Places): void {
  const { writeProgram, writeCourse, programBatches, courseBatches } = createDriver(underTest, places)

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
      await writeProgram('create', [['b', 'enrolled']], places.sibling)
      await writeCourse('create', [['b', 'active']], places.sibling)
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
      expect(keysOf(await courseBatches({}, places.at, places.at.runs[1]))).toEqual([])
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
