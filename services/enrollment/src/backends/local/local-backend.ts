import type { Sequelize } from 'sequelize'
import type { RefusedWrite } from '../../domain/audited-batch.ts'
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
      const batch = { action: 'program_enrollments.written', program, mode, author, curriculumUuid } as const
      return writeInBatches(writes, programStatuses, signal, async (sound, refused) => {
        const left = await programEnrollments.write(batch, sound, refused)
        return left.map((studentKey) => refuse({ studentKey }, refusalInProgram(mode)))
      })
    },

    writeCourseEnrollments(program, run, { mode, writes, author }, signal) {
      const place = { program, courseKey: run.key }
      const batch = { action: 'course_enrollments.written', ...place, mode, author } as const
      return writeInBatches(writes, courseStatuses, signal, async (sound, refused) => {
        const left = await courseEnrollments.write(batch, sound, refused)
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

    linkAccounts(program, { accounts, author }, signal) {
      const batch = { action: 'accounts.linked', program, author } as const
      return countInBatches(lastOfEachLearner<LearnerAccount>(accounts), signal, (some) =>
        programEnrollments.linkAccounts(batch, some),
      )
    },
    recordCourseGrades(program, run, { grades, author }, signal) {
      const batch = { action: 'grades.recorded', program, courseKey: run.key, author } as const
      return countInBatches(lastOfEachLearner<CourseGrade>(grades), signal, (some) =>
        courseGrades.record(batch, some),
      )
    },
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
  writeBatch: (sound: EnrollmentWrite[], refused: RefusedWrite[]) => Promise<WriteOutcome[]>,
): Promise<WriteOutcome[]> {
  const outcomes = new Map<string, WriteOutcome>()
  for (const batch of batchesOf(writes)) {
    signal.throwIfAborted()
    const sound: EnrollmentWrite[] = []
    const refused: RefusedWrite[] = []
    for (const write of batch) {
      const refusal = refusalOfWrite(write, statuses)
      if (refusal === undefined) {
        sound.push(write)
      } else {
        refused.push({ write, refusal })
        outcomes.set(write.studentKey, refuse(write, refusal))
      }
    }
    for (const outcome of await writeBatch(sound, refused)) outcomes.set(outcome.studentKey, outcome)
  }
  return writes.map((write) => outcomes.get(write.studentKey) ?? accept(write))
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

function* batchesOf<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let start = 0; start < items.length; start += batchSize) yield items.slice(start, start + batchSize)
}
