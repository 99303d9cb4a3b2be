import type { CourseEnrollment, ProgramEnrollment } from '../../domain/enrollment.ts'
import { readBoolean, readObject, readText } from './fields.ts'

/** Takes a row of the LMS apart. Throws a FieldFault that names the field which is missing or not usable; more fields are fine. */
export type RowReader<Row> = (row: unknown) => Row

/** The name of a field that has nothing usable in it. */
export class FieldFault extends Error {}

export function readProgramRow(accounts: boolean): RowReader<ProgramEnrollment> {
  return (value) => {
    const row = requireObject(value)
    return {
      studentKey: require(row, 'student_key', readText),
      status: require(row, 'status', readText),
      accountExists: require(row, 'account_exists', readBoolean),
      username: accounts ? optionalText(row, 'username') : '',
      email: accounts ? optionalText(row, 'email') : '',
    }
  }
}

export const readCourseRow: RowReader<CourseEnrollment> = (value) => {
  const row = requireObject(value)
  return {
    studentKey: require(row, 'student_key', readText),
    status: require(row, 'status', readText),
    accountExists: require(row, 'account_exists', readBoolean),
    // An LMS from before there were staff says nothing.
    courseStaff: isAbsent(row.course_staff) ? false : require(row, 'course_staff', readBoolean),
  }
}

type Fields = Readonly<Record<string, unknown>>

export function requireObject(value: unknown): Fields {
  const row = readObject(value)
  if (row === undefined) throw new FieldFault('is not an object')
  return row
}

export function require<T>(row: Fields, field: string, read: (value: unknown) => T | undefined): T {
  const value = read(row[field])
  if (value === undefined) throw new FieldFault(`has no usable ${field}`)
  return value
}

export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

function optionalText(row: Fields, field: string): string {
  const value = row[field]
  return isAbsent(value) || value === '' ? '' : require(row, field, readText)
}
