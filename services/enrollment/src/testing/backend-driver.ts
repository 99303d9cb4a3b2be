import { randomUUID } from 'node:crypto'
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
import type { AuditStore } from '../store/audit-store.ts'

/** A program as a backend under test knows it: with a curriculum and two course runs. */
export type ContractProgram = {
  program: EnrollmentProgram
  runs: readonly [EnrollmentCourseRun, EnrollmentCourseRun]
}

/** A backend, and what its rules are tested with that is not done by itself. */
export type BackendUnderTest = {
  backend: EnrollmentBackend
  /** Where it can be read what the backend has put down. */
  audit: AuditStore
  /** So many programs of one organization with the same two course runs, which no other programs have. */
  makePrograms(count: number): Promise<ContractProgram[]>
  linkAccount(
    program: EnrollmentProgram,
    account: { studentKey: string; username: string; email: string },
  ): Promise<void>
  recordGrade(program: EnrollmentProgram, run: EnrollmentCourseRun, grade: CourseGrade): Promise<void>
}

/** A row to write: student key, status and, where it is said, whether the learner is staff. */
export type Row = readonly [studentKey: string, status: string, courseStaff?: boolean]

/** Where calls go that do not say: two programs of one organization, new for each test. */
export type Places = { at: ContractProgram; sibling: ContractProgram }

const author = { kind: 'user', name: 'partner', via: null, requestId: 'request-1' } as const
const { signal } = new AbortController()

/** Calls a backend as the handlers do. Writes tell what came of each row as `student key: status`, with `!` when it was refused. */
export function createDriver(underTest: () => BackendUnderTest, places: Places) {
  async function tell(
    rows: readonly Row[],
    write: (unique: EnrollmentWrite[]) => ReturnType<EnrollmentBackend['writeProgramEnrollments']>,
  ): Promise<string[]> {
    const writes = rows.map(([studentKey, status, courseStaff]) => ({
      studentKey,
      status,
      ...(courseStaff !== undefined && { courseStaff }),
    }))
    const asked = withholdDuplicates(writes)
    const outcomes = collectOutcomes(asked, await write(asked.unique))
    return outcomes.map(
      ({ studentKey, status, accepted }) => `${studentKey}: ${accepted ? '' : '!'}${status}`,
    )
  }

  return {
    writeProgram(mode: WriteMode, rows: readonly Row[], { program } = places.at) {
      const curriculumUuid = program.activeCurriculumUuid as string
      return tell(rows, (writes) =>
        underTest().backend.writeProgramEnrollments(
          program,
          { mode, writes, author, curriculumUuid },
          signal,
        ),
      )
    },
    writeCourse(mode: WriteMode, rows: readonly Row[], { program, runs } = places.at, run = runs[0]) {
      return tell(rows, (writes) =>
        underTest().backend.writeCourseEnrollments(program, run, { mode, writes, author }, signal),
      )
    },
    programBatches: (more: Partial<Reading & { accounts: boolean }> = {}, { program } = places.at) =>
      collect<ProgramEnrollment>(
        underTest().backend.readProgramEnrollments(program, { accounts: false, ...readingWith(more) }),
      ),
    courseBatches: (more: Partial<Reading> = {}, { program, runs } = places.at, run = runs[0]) =>
      collect<CourseEnrollment>(underTest().backend.readCourseEnrollments(program, run, readingWith(more))),
    gradeBatches: (more: Partial<Reading> = {}, { program, runs } = places.at) =>
      collect<CourseGrade>(underTest().backend.readCourseGrades(program, runs[0], readingWith(more))),
  }
}

export function readingWith<More extends Partial<Reading>>(more: More): Reading & More {
  return { pageToken: '', limit: 0, signal, requestId: 'request-1', ...more }
}

export function rowsOf<Row>(batches: readonly Batch<Row>[]): Row[] {
  return batches.flatMap(({ rows }) => [...rows])
}

export function keysOf(batches: readonly Batch<{ studentKey: string }>[]): string[] {
  return rowsOf(batches).map(({ studentKey }) => studentKey)
}

/** Ids for so many programs of one organization with two course runs of their own. */
export function makeContractPrograms(count: number): ContractProgram[] {
  const organizationId = randomUUID()
  const [one, two] = [`course-v1:Org+${randomUUID()}+1`, `course-v1:Org+${randomUUID()}+2`]
  return Array.from({ length: count }, (_, index) => ({
    program: {
      uuid: randomUUID(),
      organizationId,
      called: { id: randomUUID(), key: `program-${index}`, organizationKey: 'school' },
      activeCurriculumUuid: randomUUID(),
    },
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
