import { compareByCodePoint } from './code-points.ts'
import { csvLine } from './result-format.ts'
import type { UploadRow } from './upload-csv.ts'

/** A learner's row, or rows, in a group. */
export type Entry = {
  /** The last of them. */
  row: UploadRow
  /** How many they are; more than one are `duplicated` and none of them is written. */
  count: number
}

/** The rows for one course run, as the uploader named it; a program upload is one group. */
export type Group = {
  courseId: string | undefined
  /** One for each student key, ascending by code point: what is written, in that order. */
  entries: Entry[]
  /** In the order of the file: what is told when there is no such course run. */
  rows: UploadRow[]
}

/** Everything that an upload asks for. The same rows always give the same plan. */
export type UploadPlan = {
  /** In the order in which the file first names them. */
  groups: Group[]
  hasCourseStaff: boolean
}

export function planUpload(rows: readonly UploadRow[]): UploadPlan {
  const groups = new Map<string | undefined, UploadRow[]>()
  for (const row of rows) {
    const group = groups.get(row.course_id)
    if (group === undefined) groups.set(row.course_id, [row])
    else group.push(row)
  }
  return {
    groups: [...groups].map(([courseId, group]) => ({ courseId, rows: group, entries: entriesOf(group) })),
    hasCourseStaff: rows.some((row) => row.course_staff !== undefined),
  }
}

function entriesOf(rows: readonly UploadRow[]): Entry[] {
  const entries = new Map<string, Entry>()
  for (const row of rows) {
    const entry = entries.get(row.student_key)
    if (entry === undefined) entries.set(row.student_key, { row, count: 1 })
    else entries.set(row.student_key, { row, count: entry.count + 1 })
  }
  return [...entries.values()].toSorted((a, b) => compareByCodePoint(a.row.student_key, b.row.student_key))
}

/** How the results of an upload are written. */
export type UploadLayout = { isCourse: boolean; hasCourseStaff: boolean }

export function uploadHeaderOf({ isCourse, hasCourseStaff }: UploadLayout): string {
  return csvLine([
    ...(isCourse ? ['course_id'] : []),
    'student_key',
    'status',
    ...(isCourse && hasCourseStaff ? ['course_staff'] : []),
  ])
}

/** A result: the row's own values, with the status that came of it. */
export function uploadLineOf(layout: UploadLayout, row: UploadRow, status: string): string {
  return csvLine([
    ...(layout.isCourse ? [row.course_id ?? ''] : []),
    row.student_key,
    status,
    ...(layout.isCourse && layout.hasCourseStaff ? [row.course_staff ?? ''] : []),
  ])
}

const yes = new Set(['t', 'y', 'yes', 'true', 'on', '1'])
const no = new Set(['f', 'n', 'no', 'false', 'off', '0'])

/** What a `course_staff` cell asks for; undefined for nothing, null when it cannot be understood. */
export function courseStaffOf(cell: string | undefined): boolean | undefined | null {
  if (cell === undefined || cell === '') return undefined
  const word = cell.toLowerCase()
  if (yes.has(word)) return true
  return no.has(word) ? false : null
}
