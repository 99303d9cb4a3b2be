import { type CourseGrade, isPercent } from '../../domain/course-grade.ts'
import { readBoolean, readText } from './fields.ts'
import { FieldFault, isAbsent, type RowReader, require, requireObject } from './rows.ts'

const gradeFields = ['letter_grade', 'percent', 'passed']

/** Either an error alone or a whole grade, of which only the letter may be null. */
export const readGradeRow: RowReader<CourseGrade> = (value) => {
  const row = requireObject(value)
  const studentKey = require(row, 'student_key', readText)
  if (row.error !== undefined) {
    if (gradeFields.some((field) => row[field] !== undefined))
      throw new FieldFault('has a grade and an error')
    return { studentKey, error: require(row, 'error', readText) }
  }
  if (row.letter_grade === undefined) throw new FieldFault('has no usable letter_grade')
  return {
    studentKey,
    percent: require(row, 'percent', readPercent),
    passed: require(row, 'passed', readBoolean),
    ...(!isAbsent(row.letter_grade) && { letterGrade: require(row, 'letter_grade', readText) }),
  }
}

/** Four digits at most, three of them decimals; always written with three. */
function readPercent(value: unknown): string | undefined {
  const text = readText(value)
  if (text === undefined || !isPercent(text)) return undefined
  const [whole, decimals = ''] = text.split('.')
  return `${whole}.${decimals.padEnd(3, '0')}`
}
