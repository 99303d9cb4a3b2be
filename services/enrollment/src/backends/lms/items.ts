import type { EnrollmentWrite } from '../../domain/enrollment-write.ts'

/** An item of a write as the LMS takes it. */
export type Item = Record<string, unknown>

/** The caller's further fields go along; that the program's curriculum is meant is ours to say. */
export function programItem(write: EnrollmentWrite, curriculumUuid: string): Item {
  const { course_staff: courseStaff, ...further } = write.additionalFields ?? {}
  return {
    ...further,
    ...(!isBlank(courseStaff) && { course_staff: courseStaff }),
    ...ownFields(write),
    curriculum_uuid: curriculumUuid,
  }
}

/** Whether the learner is staff is said in a field of its own, which the caller's right to it was judged by. */
export function courseItem(write: EnrollmentWrite): Item {
  const { course_staff: _, ...further } = write.additionalFields ?? {}
  return {
    ...further,
    ...ownFields(write),
    ...(write.courseStaff !== undefined && { course_staff: write.courseStaff }),
  }
}

function ownFields({ studentKey, status }: EnrollmentWrite): Item {
  return { student_key: studentKey, status }
}

// The LMS refuses a whole request for one of these.
function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
}
