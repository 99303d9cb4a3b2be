import type { LmsCourse, LmsProgram, LmsState } from './lms-state.ts'

export type WriteMethod = 'POST' | 'PATCH' | 'PUT'

/** An answer to a write. */
export type WriteAnswer = { status: number; body: string }

const mostItems = 25
const programStatuses = ['enrolled', 'pending', 'suspended', 'canceled', 'ended']
const courseStatuses = ['active', 'inactive']

type Item = { studentKey: string; status: string; curriculumUuid: string; courseStaff: boolean | undefined }
type Outcome = { isGood: boolean; status: string }

export function writeProgram(
  state: LmsState,
  program: LmsProgram,
  method: WriteMethod,
  body: unknown,
): WriteAnswer {
  const needsCurriculum = method !== 'PATCH'
  return answer(
    body,
    (item) => readItem(item, { needsCurriculum, isCourse: false }),
    (item) => {
      const { studentKey, status } = item
      if (!programStatuses.includes(status)) return bad('invalid-status')
      const row = program.enrollments.find(studentKey)
      if (row !== undefined && method === 'POST') return bad('conflict')
      if (row === undefined && method === 'PATCH') return bad('not-in-program')
      if (row === undefined) state.enroll(program, studentKey, status, item.curriculumUuid)
      else row.status = status
      return good(status)
    },
  )
}

export function writeCourse(
  state: LmsState,
  at: { program: LmsProgram; courseKey: string; course: LmsCourse },
  method: WriteMethod,
  body: unknown,
): WriteAnswer {
  const { program, courseKey, course } = at
  return answer(
    body,
    (item) => readItem(item, { needsCurriculum: false, isCourse: true }),
    (item) => {
      const { studentKey, status, courseStaff } = item
      if (status === 'active' && state.isActiveElsewhere(program, courseKey, studentKey))
        return bad('conflict')
      if (!courseStatuses.includes(status)) return bad('invalid-status')
      if (program.enrollments.find(studentKey) === undefined) return bad('not-in-program')
      const row = course.enrollments.find(studentKey)
      if (row !== undefined && method === 'POST') return bad('conflict')
      if (row === undefined && method === 'PATCH') return bad('not-found')
      if (row === undefined) state.enrollInCourse(program, course, studentKey, status, courseStaff ?? false)
      else Object.assign(row, { status, ...(courseStaff !== undefined && { course_staff: courseStaff }) })
      return good(status)
    },
  )
}

const good = (status: string): Outcome => ({ isGood: true, status })
const bad = (status: string): Outcome => ({ isGood: false, status })

function answer(
  body: unknown,
  read: (item: unknown) => Item | undefined,
  write: (item: Item) => Outcome,
): WriteAnswer {
  if (!Array.isArray(body)) return refusal(400, 'expected a list')
  if (body.length > mostItems) return refusal(413, `enrollment limit ${mostItems}`)
  if (body.length === 0) return { status: 204, body: '' }
  const items = body.map(read)
  // One item of the wrong shape takes all others with it.
  if (!items.every((item) => item !== undefined)) return refusal(400, 'invalid enrollment record')
  const outcomes = new Map<string, Outcome>()
  for (const item of items) {
    const { studentKey } = item
    const isTwice = items.filter((other) => other.studentKey === studentKey).length > 1
    outcomes.set(studentKey, isTwice ? bad('duplicated') : write(item))
  }
  const goods = [...outcomes.values()].filter(({ isGood }) => isGood).length
  const status = goods === outcomes.size ? 200 : goods > 0 ? 207 : 422
  // By hand, because an object would put keys that look like numbers first.
  const pairs = [...outcomes].map(
    ([key, outcome]) => `${JSON.stringify(key)}: ${JSON.stringify(outcome.status)}`,
  )
  return { status, body: `{${pairs.join(', ')}}` }
}

function refusal(status: number, developer_message: string): WriteAnswer {
  return { status, body: JSON.stringify({ developer_message }) }
}

/** Undefined when the item does not have the shape. */
function readItem(
  item: unknown,
  { needsCurriculum, isCourse }: { needsCurriculum: boolean; isCourse: boolean },
): Item | undefined {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined
  const { student_key, status: statusGiven, curriculum_uuid, course_staff } = item as Record<string, unknown>
  const studentKey = readText(student_key, 255)
  const status = readText(statusGiven, 255)
  const courseStaff = readBoolean(course_staff)
  if (studentKey === undefined || status === undefined) return undefined
  if (isCourse && course_staff !== undefined && courseStaff === undefined) return undefined
  if (!isCourse && !(curriculum_uuid === undefined ? !needsCurriculum : isUuid(curriculum_uuid)))
    return undefined
  return { studentKey, status, curriculumUuid: String(curriculum_uuid ?? ''), courseStaff }
}

/** Numbers become text, white space around it goes, blank is nothing. */
function readText(value: unknown, longest: number): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value).trim()
  return text === '' || text.length > longest || text.includes('\0') ? undefined : text
}

function readBoolean(value: unknown): boolean | undefined {
  if (value === true || value === 1) return true
  if (value === false || value === 0) return false
  if (typeof value !== 'string') return undefined
  if (/^(t|y|yes|true|on|1)$/i.test(value)) return true
  return /^(f|n|no|false|off|0)$/i.test(value) ? false : undefined
}

function isUuid(value: unknown): boolean {
  return (
    typeof value === 'string' && /^[\da-f]{8}-?[\da-f]{4}-?[\da-f]{4}-?[\da-f]{4}-?[\da-f]{12}$/i.test(value)
  )
}
