import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { collect } from '../../testing/calls.ts'
import { startTestEnrollment, type TestEnrollment, withExternalKey } from '../../testing/enrollment.ts'

const { CREATE, UPDATE, CREATE_OR_UPDATE } = WriteMode
const statuses = ['enrolled', 'pending', 'suspended', 'canceled', 'ended']

let enrollment: TestEnrollment

beforeAll(async () => {
  enrollment = await startTestEnrollment()
})

afterAll(() => enrollment.stop())

const students = Array.from({ length: 100 }, (_, i) => `s${String(i).padStart(3, '0')}`)

async function makeProgramWith(keys: string[], organizationId = randomUUID()): Promise<string> {
  const programKey = enrollment.makeProgram({ organizationId })
  const enrollments = keys.map((studentKey) => ({ studentKey, status: 'enrolled' }))
  await enrollment.worker.writeProgramEnrollments({ programKey, mode: CREATE, enrollments })
  return programKey
}

function shuffled<Item>(items: Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

/** What each writer was told: student → status, of those accepted and of those refused. */
function tally(answers: { results: { studentKey: string; status: string; accepted: boolean }[] }[]) {
  const winners = new Map<string, string[]>()
  const refusals = new Set<string>()
  for (const { studentKey, status, accepted } of answers.flatMap(({ results }) => results)) {
    if (accepted) winners.set(studentKey, [...(winners.get(studentKey) ?? []), status])
    else refusals.add(status)
  }
  return { winners, refusals: [...refusals] }
}

async function expectChained(uuid: string): Promise<void> {
  const rows = await enrollment.sql(
    `select course_key, student_key, previous_status, status,
       lag(status) over (partition by course_key, student_key order by id) as before
     from enrollment_changes where program_uuid = $1`,
    [uuid],
  )
  expect(rows.filter((row) => row.previous_status !== row.before)).toEqual([])
}

describe('many writers of one program', () => {
  test('who make the same learners: each learner is made by exactly one, the others hear of a conflict', async () => {
    const programKey = enrollment.makeProgram()
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, writer) =>
        enrollment.worker.writeProgramEnrollments({
          programKey,
          mode: CREATE,
          enrollments: shuffled(students).map((studentKey) => ({
            studentKey,
            status: statuses[writer % 5] as string,
          })),
        }),
      ),
    )
    const { winners, refusals } = tally(answers)
    expect([...winners.keys()].toSorted()).toEqual(students)
    expect([...winners.values()].every((each) => each.length === 1)).toBe(true)
    expect(refusals).toEqual(['conflict'])
    const rows = await enrollment.sql(
      'select student_key, status from program_enrollments where program_uuid = $1',
      [enrollment.uuidOf(programKey)],
    )
    expect(Object.fromEntries(rows.map((row) => [row.student_key, [row.status]]))).toEqual(
      Object.fromEntries(winners),
    )
    const history = await enrollment.sql('select from enrollment_changes where program_uuid = $1', [
      enrollment.uuidOf(programKey),
    ])
    expect(history).toHaveLength(students.length)
  })

  test('in every mode at once: no one fails, and the history of each learner is one chain that ends in the status stored', async () => {
    const programKey = await makeProgramWith(students.slice(0, 50))
    await Promise.all(
      Array.from({ length: 60 }, (_, writer) =>
        enrollment.worker.writeProgramEnrollments({
          programKey,
          mode: [CREATE, UPDATE, CREATE_OR_UPDATE][writer % 3] as WriteMode,
          enrollments: shuffled(students)
            .slice(0, 60)
            .map((studentKey) => ({ studentKey, status: statuses[writer % 5] as string })),
        }),
      ),
    )
    const uuid = enrollment.uuidOf(programKey)
    await expectChained(uuid)
    const rows = await enrollment.sql(
      `select e.student_key from program_enrollments e where program_uuid = $1 and status <> (
         select h.status from enrollment_changes h
         where h.program_uuid = e.program_uuid and h.student_key = e.student_key order by h.id desc limit 1)`,
      [uuid],
    )
    expect(rows).toEqual([])
  })
})

describe('many writers of one run', () => {
  test('by two programs of an organization: a learner is active by one of them at any time', async () => {
    const organizationId = randomUUID()
    const programs = [
      await makeProgramWith(students, organizationId),
      await makeProgramWith(students, organizationId),
    ]
    const answers = await Promise.all(
      Array.from({ length: 48 }, async (_, writer) => {
        const programKey = programs[writer % 2] as string
        const mode = [CREATE, UPDATE, CREATE_OR_UPDATE][Math.floor(writer / 2) % 3] as WriteMode
        const status = writer % 5 === 0 ? 'inactive' : 'active'
        const enrollments = shuffled(students)
          .slice(0, 70)
          .map((studentKey) => ({ studentKey, status }))
        return enrollment.worker.writeCourseEnrollments({
          programKey,
          courseId: withExternalKey,
          mode,
          enrollments,
        })
      }),
    )
    const { refusals } = tally(answers)
    expect(refusals.toSorted()).toEqual(expect.arrayContaining(['conflict']))
    expect(refusals.filter((each) => !['conflict', 'not-found'].includes(each))).toEqual([])
    for (const program of programs) await expectChained(enrollment.uuidOf(program))
    const twice = await enrollment.sql(
      `select student_key from course_enrollments where program_uuid = any($1) and status = 'active' group by 1 having count(*) > 1`,
      [programs.map((program) => enrollment.uuidOf(program))],
    )
    expect(twice).toEqual([])
  })

  test('who make the same learners active by two programs: exactly one wins each learner', async () => {
    const organizationId = randomUUID()
    const programs = await Promise.all(
      Array.from({ length: 6 }, () => makeProgramWith(students, organizationId)),
    )
    for (const mode of [CREATE, CREATE_OR_UPDATE]) {
      const courseId = withExternalKey
      const fresh = mode === CREATE ? programs.slice(0, 3) : programs.slice(3)
      await enrollment.sql('delete from course_enrollments where organization_id = $1', [organizationId])
      const answers = await Promise.all(
        fresh.map((programKey) =>
          enrollment.worker.writeCourseEnrollments({
            programKey,
            courseId,
            mode,
            enrollments: shuffled(students).map((studentKey) => ({ studentKey, status: 'active' })),
          }),
        ),
      )
      const { winners, refusals } = tally(answers)
      expect([...winners.keys()].toSorted()).toEqual(students)
      expect([...winners.values()].every((each) => each.length === 1)).toBe(true)
      expect(refusals).toEqual(['conflict'])
    }
  })
})

test('a row never appears behind the back of a reader: rows can be seen in the order in which they were made', async () => {
  const programKey = await makeProgramWith(['base'])
  const write = (...keys: string[]) =>
    enrollment.worker.writeProgramEnrollments({
      programKey,
      mode: CREATE_OR_UPDATE,
      enrollments: keys.map((studentKey) => ({ studentKey, status: 'enrolled' })),
    })
  const read = async (pageToken: string, limit: number) => {
    const messages = await collect(
      enrollment.worker.streamProgramEnrollments({ programKey, pageToken, limit }),
    )
    const keys = messages.flatMap(({ enrollments }) => enrollments.map(({ studentKey }) => studentKey))
    return { keys, nextPageToken: messages.at(-1)?.nextPageToken ?? '' }
  }

  // The first writer has made `a` and waits for what becomes of `m`; the second one comes after it.
  const stranger = await enrollment.begin()
  await stranger.sql(
    `insert into program_enrollments (program_uuid, student_key, status, curriculum_uuid) values ($1, 'm', 'ended', $1)`,
    [enrollment.uuidOf(programKey)],
  )
  const first = write('a', 'm')
  const waiting = (count: number) => async () => {
    const rows = await enrollment.sql(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length >= count
  }
  await expect.poll(waiting(1), { timeout: 20_000 }).toBe(true)
  let isSecondDone = false
  const second = write('y', 'z').finally(() => {
    isSecondDone = true
  })
  await expect.poll(async () => isSecondDone || (await waiting(2)()), { timeout: 20_000 }).toBe(true)

  const before = await read('', 2)
  await stranger.rollback()
  await Promise.all([first, second])
  const after = await read(before.nextPageToken, 0)
  expect(new Set([...before.keys, ...after.keys])).toEqual(new Set(['base', 'a', 'm', 'y', 'z']))
})
