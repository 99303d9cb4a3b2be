import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { collect, refusalOf } from '../testing/calls.ts'
import {
  type EnrollmentClient,
  startTestEnrollment,
  type TestEnrollment,
  withoutExternalKey,
} from '../testing/enrollment.ts'

const accountsFlag = 'include_name_email_in_get_program_enrollment'

let enrollment: TestEnrollment
let partner: EnrollmentClient

beforeAll(async () => {
  enrollment = await startTestEnrollment()
  partner = enrollment.as('partner')
})

afterAll(() => enrollment.stop())

/** Makes a program with so many learners, `s0000000` and on, straight in the tables. */
async function makeProgramOf(count: number): Promise<string> {
  const program = enrollment.makeProgram()
  await enrollment.sql(
    `insert into program_enrollments (program_uuid, student_key, status, curriculum_uuid)
     select $1, 's' || lpad(i::text, 7, '0'), 'enrolled', $1 from generate_series(0, $2::int - 1) i order by i`,
    [enrollment.uuidOf(program), count],
  )
  return program
}

async function keysFrom(
  request: { programKey: string; pageToken?: string; limit?: number },
  client = enrollment.worker,
) {
  const messages = await collect(client.streamProgramEnrollments(request))
  return {
    keys: messages.flatMap(({ enrollments }) => enrollments.map(({ studentKey }) => studentKey)),
    tokens: messages.map(({ nextPageToken }) => nextPageToken),
    sizes: messages.map(({ enrollments }) => enrollments.length),
  }
}

function keysUpTo(count: number, from = 0): string[] {
  return Array.from({ length: count - from }, (_, i) => `s${String(from + i).padStart(7, '0')}`)
}

describe('a stream', () => {
  test('of 100,000 rows comes in batches of 1,000, in order, and can be taken up at any token', async () => {
    const programKey = await makeProgramOf(100_000)
    const { keys, tokens, sizes } = await keysFrom({ programKey })
    expect(keys).toEqual(keysUpTo(100_000))
    expect(sizes).toEqual(Array(100).fill(1_000))
    expect(tokens.indexOf('')).toBe(99)
    expect(new Set(tokens).size).toBe(100)
    for (const at of [0, 1, 49, 97, 98]) {
      expect((await keysFrom({ programKey, pageToken: tokens[at] })).keys).toEqual(
        keysUpTo(100_000, (at + 1) * 1_000),
      )
    }
  })

  test('broken off again and again at odd places yields every row once', async () => {
    const programKey = await makeProgramOf(10_000)
    const keys: string[] = []
    let pageToken = ''
    for (let limit = 1; ; limit = (limit * 7) % 2_503) {
      const part = await keysFrom({ programKey, pageToken, limit })
      expect(part.keys.length).toBeLessThanOrEqual(limit)
      keys.push(...part.keys)
      pageToken = part.tokens.at(-1) as string
      if (pageToken === '') break
    }
    expect(keys).toEqual(keysUpTo(10_000))
  })

  test.each([
    [0, [0], true],
    [1, [1], true],
    [999, [999], true],
    [1_000, [1_000], true],
    [1_001, [1_000, 1], true],
    [2_000, [1_000, 1_000], true],
  ])('of %i rows ends with an empty token', async (count, expected) => {
    const { keys, sizes, tokens } = await keysFrom({ programKey: await makeProgramOf(count) })
    expect(keys).toHaveLength(count)
    expect(sizes).toEqual(expected)
    expect(tokens.map((token) => token === '')).toEqual(expected.map((_, i) => i === expected.length - 1))
  })

  test.each([
    [5, 4, false],
    [5, 5, true],
    [5, 6, true],
    [2_000, 1_000, false],
    [2_500, 1_500, false],
    [1_500, 1_500, true],
  ])('of %i rows with a limit of %i: empty token at its end: %s', async (count, limit, isEnd) => {
    const { keys, tokens } = await keysFrom({ programKey: await makeProgramOf(count), limit })
    expect(keys).toHaveLength(Math.min(count, limit))
    expect(tokens.at(-1) === '').toBe(isEnd)
  })

  test('while rows are added yields what was there before, and the added rows once, however it is broken off', async () => {
    const programKey = await makeProgramOf(20_000)
    let done = false
    const writers = [0, 1, 2, 3].map(async (writer) => {
      const acknowledged: string[] = []
      for (let round = 0; !done || round < 5; round++) {
        const enrollments = Array.from({ length: 40 }, (_, i) => ({
          studentKey: `w${writer}-${round}-${i}`,
          status: 'enrolled',
        }))
        await partner.writeProgramEnrollments({ programKey, mode: WriteMode.CREATE_OR_UPDATE, enrollments })
        acknowledged.push(...enrollments.map(({ studentKey }) => studentKey))
      }
      return acknowledged
    })
    const read: string[] = []
    let pageToken = ''
    // Small steps, so that the reader is at the writers' heels for long.
    for (let step = 0; step < 400; step++) {
      const part = await keysFrom({ programKey, pageToken, limit: step < 15 ? 1_500 : 20 })
      read.push(...part.keys)
      if (part.tokens.at(-1) === '') break
      pageToken = part.tokens.at(-1) as string
    }
    done = true
    const added = (await Promise.all(writers)).flat()
    if (pageToken !== '') {
      const last = await keysFrom({ programKey, pageToken })
      // What the last step yielded without a token comes again from the token before it.
      for (const key of last.keys) if (!read.includes(key)) read.push(key)
    }
    expect(read.slice(0, 20_000)).toEqual(keysUpTo(20_000))
    expect(new Set(read).size).toBe(read.length)
    expect(new Set(read)).toEqual(new Set([...keysUpTo(20_000), ...added]))
  })

  test('that the caller leaves stops reading', async () => {
    const programKey = await makeProgramOf(200_000)
    const abort = new AbortController()
    const stream = enrollment.worker.streamProgramEnrollments({ programKey }, { signal: abort.signal })
    await expect(
      (async () => {
        for await (const { enrollments } of stream) if (enrollments.length > 0) abort.abort()
      })(),
    ).rejects.toThrow()
    const scanned = async () => {
      const [row] = await enrollment.sql<{ scanned: number }>(
        `select coalesce(idx_tup_fetch, 0)::int as scanned from pg_stat_all_tables where relname = 'program_enrollments' and schemaname = 'enrollment'`,
      )
      return row?.scanned ?? 0
    }
    // Once the service is quiet the counters stand still; all rows would have been walked had it gone on.
    await expect
      .poll(
        async () => {
          const before = await scanned()
          await new Promise((resolve) => setTimeout(resolve, 1_500))
          return (await scanned()) - before
        },
        { timeout: 30_000 },
      )
      .toBe(0)
    const { enrollments } = await partner.listProgramEnrollments({ programKey, pageSize: 1 })
    expect(enrollments).toHaveLength(1)
  })
})

describe('accounts', () => {
  const rows = async (client: EnrollmentClient, programKey: string, includeAccounts: boolean) =>
    (await collect(client.streamProgramEnrollments({ programKey, includeAccounts }))).flatMap(
      ({ enrollments }) =>
        enrollments.map(({ studentKey, accountExists, username, email }) => ({
          studentKey,
          accountExists,
          username,
          email,
        })),
    )

  async function makeProgramWithAccounts() {
    const programKey = await makeProgramOf(3)
    await enrollment.operator.linkAccounts({
      programKey,
      accounts: [
        { studentKey: 's0000000', username: 'ann', email: 'ann@example.org' },
        { studentKey: 's0000001', username: 'bob' },
      ],
    })
    return programKey
  }

  const whoHasOne = [
    { studentKey: 's0000000', accountExists: true, username: '', email: '' },
    { studentKey: 's0000001', accountExists: true, username: '', email: '' },
    { studentKey: 's0000002', accountExists: false, username: '', email: '' },
  ]

  test('are told only when asked for', async () => {
    const programKey = await makeProgramWithAccounts()
    expect(await rows(enrollment.worker, programKey, false)).toEqual(whoHasOne)
    expect(await rows(enrollment.worker, programKey, true)).toEqual([
      { ...whoHasOne[0], username: 'ann', email: 'ann@example.org' },
      { ...whoHasOne[1], username: 'bob' },
      whoHasOne[2],
    ])
  })

  test('are told to a user only with the flag', async () => {
    const programKey = await makeProgramWithAccounts()
    const flagged = enrollment.as('flagged', { flags: [accountsFlag] })
    expect(await rows(partner, programKey, false)).toEqual(whoHasOne)
    expect((await refusalOf(rows(partner, programKey, true))).reason).toBe(Reason.PERMISSION_DENIED)
    expect(
      (await refusalOf(partner.listProgramEnrollments({ programKey, includeAccounts: true }))).reason,
    ).toBe(Reason.PERMISSION_DENIED)
    expect((await rows(flagged, programKey, true))[0]).toMatchObject({
      username: 'ann',
      email: 'ann@example.org',
    })
    const { enrollments } = await flagged.listProgramEnrollments({ programKey, includeAccounts: true })
    expect(enrollments[0]).toMatchObject({ username: 'ann', email: 'ann@example.org' })
  })
})

describe('a call', () => {
  test('is refused for an unknown program, then without the permission, then for its shape', async () => {
    const writer = enrollment.as('writer', { permissions: [Permission.WRITE_ENROLLMENTS] })
    const programKey = await makeProgramOf(1)
    const refusal = async (
      client: EnrollmentClient,
      request: { programKey: string; limit?: number; pageToken?: string },
    ) => refusalOf(collect(client.streamProgramEnrollments(request)))
    expect((await refusal(writer, { programKey: 'unknown', limit: -1 })).reason).toBe(
      Reason.PROGRAM_NOT_FOUND,
    )
    expect((await refusal(writer, { programKey, limit: -1 })).reason).toBe(Reason.PERMISSION_DENIED)
    expect(await refusal(partner, { programKey, limit: -1 })).toMatchObject({
      reason: Reason.INVALID_ARGUMENT,
      fields: ['limit'],
    })
    expect((await refusal(enrollment.operator, { programKey })).reason).toBe(Reason.PERMISSION_DENIED)
  })

  test('is refused with a token that is none or another list’s', async () => {
    const [programKey, other] = [await makeProgramOf(3), await makeProgramOf(3)]
    const [token = ''] = (await keysFrom({ programKey, limit: 1 })).tokens
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const parts = JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown[]
    const forged = ["1' or true --", '-1', '1e3', '99999999999999999999', 1.5, null, ['1']].map((id) =>
      encode([...parts.slice(0, -1), id]),
    )
    for (const pageToken of [
      'x',
      '%',
      encode(1),
      encode({}),
      encode([]),
      encode([...parts, '1']),
      ...forged,
    ]) {
      expect(await refusalOf(keysFrom({ programKey, pageToken }))).toMatchObject({
        reason: Reason.PAGE_TOKEN_INVALID,
        fields: ['page_token'],
      })
    }
    expect((await refusalOf(keysFrom({ programKey: other, pageToken: token }))).reason).toBe(
      Reason.PAGE_TOKEN_INVALID,
    )
    const asCourse = enrollment.worker.streamCourseEnrollments({
      programKey,
      courseId: withoutExternalKey,
      pageToken: token,
    })
    expect((await refusalOf(collect(asCourse))).reason).toBe(Reason.PAGE_TOKEN_INVALID)
    expect((await keysFrom({ programKey, pageToken: token })).keys).toEqual(keysUpTo(3, 1))
  })
})
