import { DomainError, Reason } from '#kit/errors.ts'

const root = '/api/program_enrollments/v1/programs'

export function programEnrollmentsPath(programUuid: string): string {
  return `${root}/${encodeURIComponent(programUuid)}/enrollments/`
}

export function courseEnrollmentsPath(programUuid: string, courseKey: string): string {
  return `${coursePath(programUuid, courseKey)}/enrollments/`
}

export function courseGradesPath(programUuid: string, courseKey: string): string {
  return `${coursePath(programUuid, courseKey)}/grades/`
}

// The LMS knows keys by `+`, `:` and, in the old form, `/` as they are. The rest of a key cannot lead elsewhere.
function coursePath(programUuid: string, courseKey: string): string {
  const parts = courseKey.split('/')
  if (parts.some((part) => /^\.{0,2}$/.test(part))) {
    throw new DomainError(Reason.COURSE_NOT_FOUND, 'The course run has a key that no course run can have.')
  }
  const key = parts.map((part) => encodeURIComponent(part).replaceAll('%2B', '+').replaceAll('%3A', ':'))
  return `${root}/${encodeURIComponent(programUuid)}/courses/${key.join('/')}`
}
