import { describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import type { CourseGrade } from '../domain/course-grade.ts'
import {
  type BackendUnderTest,
  createDriver,
  keysOf,
  type Places,
  readingWith,
  rowsOf,
} from './backend-driver.ts'
import { refusalOf } from './calls.ts'

export function testReading(underTest: () => BackendUnderTest, places: Places): void {
  const { writeProgram, writeCourse, programBatches, courseBatches, gradeBatches } = createDriver(
    underTest,
    places,
  )

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
        programBatches({ pageToken }, places.sibling),
        courseBatches({ pageToken }),
        gradeBatches({ pageToken }),
      ]) {
        expect((await refusalOf(other)).reason).toBe(Reason.PAGE_TOKEN_INVALID)
      }
    })

    test('ends with its signal', async () => {
      await enroll(1_100)
      const abort = new AbortController()
      const batches = underTest().backend.readProgramEnrollments(places.at.program, {
        ...readingWith({ signal: abort.signal }),
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
      await underTest().linkAccount(places.at.program, {
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
      await linkAccount(places.at.program, { studentKey, username: studentKey, email: '' })
    const grades: CourseGrade[] = [
      { studentKey: 'a', letterGrade: 'A', percent: '0.950', passed: true },
      { studentKey: 'b', error: 'no grade' },
      { studentKey: 'd', percent: '1.000', passed: true },
    ]
    for (const grade of [...grades, { studentKey: 'c', percent: '0.100', passed: false }]) {
      await recordGrade(places.at.program, places.at.runs[0], grade)
    }
    expect(rowsOf(await gradeBatches())).toMatchObject(grades)
    const [batch] = await gradeBatches({ limit: 2 })
    expect(rowsOf(await gradeBatches({ pageToken: batch?.nextPageToken }))).toMatchObject(grades.slice(2))
  })
}
