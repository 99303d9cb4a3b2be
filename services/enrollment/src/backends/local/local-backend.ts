import type { Sequelize } from 'sequelize'
import type { CourseGrade } from '../../domain/course-grade.ts'
import type { LearnerAccount } from '../../domain/enrollment.ts'
import { accept, type EnrollmentWrite, refuse, type WriteOutcome } from '../../domain/enrollment-write.ts'
import type { EnrollmentCourseRun, EnrollmentProgram } from '../../domain/program.ts'
import {
  courseStatuses,
  isStudentKey,
  programStatuses,
  refusalInCourse,
  refusalInProgram,
  refusalOfWrite,
} from '../../domain/write-rules.ts'
import { type CourseEnrollmentList, createCourseEnrollmentStore } from '../../store/course-enrollments.ts'
import { createCourseGradeStore } from '../../store/course-grades.ts'
import { createProgramEnrollmentStore } from '../../store/program-enrollments.ts'
import type { EnrollmentBackend } from '../backend.ts'
import { walkRows } from './row-walk.ts'

// Large enough that a row costs little more than in one great statement, small enough that others soon have their turn.
const batchSize = 2_500

/** Keeps enrollments in tables of this service, by the rules and statuses of the LMS. */
export function createLocalBackend(database: Sequelize): EnrollmentBackend {
  const programEnrollments = createProgramEnrollmentStore(database)
  const courseEnrollments = createCourseEnrollmentStore(database)
  const courseGrades = createCourseGradeStore(database)

  return {
    writeProgramEnrollments(program, { mode, writes, author, curriculumUuid }, signal) {
      const at = { programUuid: program.uuid, curriculumUuid }
      return writeInBatches(writes, programStatuses, signal, async (batch) => {
        const left = await programEnrollments.write(at, mode, batch, author)
        return left.map((studentKey) => refuse({ studentKey }, refusalInProgram(mode)))
      })
    },

    writeCourseEnrollments(program, run, { mode, writes, author }, signal) {
      const at = { ...listOf(program, run), organizationId: program.organizationId }
      return writeInBatches(writes, courseStatuses, signal, async (batch) => {
        const left = await courseEnrollments.write(at, mode, batch, author)
        return left.map((learner) => refuse(learner, refusalInCourse(learner, mode)))
      })
    },

    readProgramEnrollments: (program, reading) =>
      walkRows(['program enrollments', program.uuid], reading, (slice) =>
        programEnrollments.read(program.uuid, slice, reading.accounts),
      ),
    readCourseEnrollments: (program, run, reading) =>
      walkRows(['course enrollments', program.uuid, run.key], reading, (slice) =>
        courseEnrollments.read(listOf(program, run), slice),
      ),
    readCourseGrades: (program, run, reading) =>
      walkRows(['course grades', program.uuid, run.key], reading, (slice) =>
        courseGrades.read(listOf(program, run), slice),
      ),

    linkAccounts: (program, accounts, signal) =>
      countInBatches(lastOfEachLearner<LearnerAccount>(accounts), signal, (batch) =>
        programEnrollments.linkAccounts(program.uuid, batch),
      ),
    recordCourseGrades: (program, run, grades, signal) =>
      countInBatches(lastOfEachLearner<CourseGrade>(grades), signal, (batch) =>
        courseGrades.record(listOf(program, run), batch),
      ),
  }
}

function listOf(program: EnrollmentProgram, run: EnrollmentCourseRun): CourseEnrollmentList {
  return { programUuid: program.uuid, courseKey: run.key }
}

/** Outcomes of all writes; `writeBatch` does those that could be enrollments and tells which it had to leave. */
async function writeInBatches(
  writes: readonly EnrollmentWrite[],
  statuses: readonly string[],
  signal: AbortSignal,
  writeBatch: (batch: EnrollmentWrite[]) => Promise<WriteOutcome[]>,
): Promise<WriteOutcome[]> {
  const refused = new Map<string, WriteOutcome>()
  const sound = writes.filter((write) => {
    const refusal = refusalOfWrite(write, statuses)
    if (refusal !== undefined) refused.set(write.studentKey, refuse(write, refusal))
    return refusal === undefined
  })
  for (const batch of batchesOf(sound)) {
    signal.throwIfAborted()
    for (const outcome of await writeBatch(batch)) refused.set(outcome.studentKey, outcome)
  }
  return writes.map((write) => refused.get(write.studentKey) ?? accept(write))
}

async function countInBatches<Item>(
  items: Item[],
  signal: AbortSignal,
  writeBatch: (batch: Item[]) => Promise<number>,
): Promise<number> {
  let count = 0
  for (const batch of batchesOf(items)) {
    signal.throwIfAborted()
    count += await writeBatch(batch)
  }
  return count
}

/** A later item about a learner replaces an earlier one; who cannot be enrolled is passed over. */
function lastOfEachLearner<Item extends { studentKey: string }>(items: readonly Item[]): Item[] {
  const byStudent = new Map(items.map((item) => [item.studentKey, item]))
  return [...byStudent.values()].filter(({ studentKey }) => isStudentKey(studentKey))
}

function* batchesOf<Item>(items: Item[]): Generator<Item[]> {
  for (let start = 0; start < items.length; start += batchSize) yield items.slice(start, start + batchSize)
}
