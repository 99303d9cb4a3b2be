import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf'
import Type from 'typebox'
import type {
  EnrollmentWriteSchema,
  WriteResult,
} from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { detail, type HttpFault, invalid } from '../http-errors.ts'

export const enrollmentLimit = 25
// Each level costs two in the message that carries it, and those end at 100.
const nestingLimit = 32

const item = {
  student_key: Type.String({ description: 'The school’s own key for the learner.' }),
  status: Type.String({ description: 'The status wanted.' }),
}

function listOf(properties: Type.TProperties, examples: unknown[]) {
  return Type.Array(Type.Object(properties, { additionalProperties: true }), {
    maxItems: enrollmentLimit,
    description: 'Up to 25 learners. Further fields are passed on.',
    examples: [examples],
  })
}

export const programWritesSchema = listOf(item, [{ student_key: 's-1', status: 'enrolled' }])
export const courseWritesSchema = listOf(
  { ...item, course_staff: Type.Optional(Type.Unsafe<boolean | null>({ type: ['boolean', 'null'] })) },
  [{ student_key: 's-1', status: 'active' }],
)

export const writeResultSchema = Type.Record(Type.String(), Type.String(), {
  description: 'For each learner the new status, or why it was not set.',
  examples: [{ 's-1': 'enrolled', 's-2': 'duplicated' }],
})

type EnrollmentWriteInit = MessageInitShape<typeof EnrollmentWriteSchema>

/** The items of a body, as far as they can be used. */
export type ReadItems = {
  items: EnrollmentWriteInit[]
  /** What is wrong with the body; the first offending item wins. */
  fault?: HttpFault
  /** Whether an item before the fault says something about course staff. */
  hasCourseStaff: boolean
}

/** Takes a body apart. Only a write to a course run (`forCourse`) gives `course_staff` a meaning. */
export function readItems(body: unknown, forCourse: boolean): ReadItems {
  const read: ReadItems = { items: [], hasCourseStaff: false }
  if (!Array.isArray(body)) return { ...read, fault: invalid('expected request body type: List') }
  if (body.length > enrollmentLimit)
    return { ...read, fault: detail(413, `Enrollment limit ${enrollmentLimit}`) }
  for (const each of body as unknown[]) {
    const fault = faultIn(each, forCourse)
    if (fault !== undefined) return { ...read, fault: invalid(fault) }
    const {
      student_key: studentKey,
      status,
      ...rest
    } = each as { student_key: string; status: string } & JsonObject
    const write: EnrollmentWriteInit = { studentKey, status }
    if (forCourse) {
      if (typeof rest.course_staff === 'boolean') {
        write.courseStaff = rest.course_staff
        read.hasCourseStaff = true
      }
      delete rest.course_staff
    }
    if (Object.keys(rest).length > 0) write.additionalFields = rest
    read.items.push(write)
  }
  return read
}

function faultIn(each: unknown, forCourse: boolean): string | undefined {
  if (typeof each !== 'object' || each === null || Array.isArray(each)) {
    return 'expected items in request to be of type Dict'
  }
  const { student_key: studentKey, status, course_staff: courseStaff } = each as Record<string, unknown>
  if (typeof studentKey !== 'string') return 'expected request dicts to have string value for "student_key"'
  if (typeof status !== 'string') return 'expected request dicts to have string value for "status"'
  if (forCourse && courseStaff !== undefined && courseStaff !== null && typeof courseStaff !== 'boolean') {
    return 'expected request dicts to have boolean value for "course_staff"'
  }
  return faultInValue(each, 0)
}

// JSON can say what a protobuf message cannot carry.
function faultInValue(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') {
    return value.isWellFormed() ? undefined : 'expected request strings to be well-formed Unicode'
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : 'expected request numbers to be within the range of a double'
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > nestingLimit) return `expected request dicts to be nested no deeper than ${nestingLimit} levels`
  for (const [key, inner] of Object.entries(value)) {
    const fault = faultInValue(key, depth) ?? faultInValue(inner, depth + 1)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** The status that sums up what came of a write. */
export function statusOf(results: readonly WriteResult[]): 200 | 207 | 422 {
  const accepted = results.filter((result) => result.accepted).length
  if (accepted === 0) return 422
  return accepted === results.length ? 200 : 207
}

/** The result map as JSON, in the order given: an object of JavaScript would put keys that look like numbers first. */
export function renderResults(results: readonly WriteResult[]): string {
  const entries = results.map(
    ({ studentKey, status }) => `${JSON.stringify(studentKey)}:${JSON.stringify(status)}`,
  )
  return `{${entries.join(',')}}`
}
