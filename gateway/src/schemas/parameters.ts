import Type, { type Static } from 'typebox'

/** What each part of a path looks like; anything else is a path that we do not have. */
const grammars = {
  programKey: '[A-Za-z0-9_-]+',
  // An internal key of three parts, or an external key.
  courseId: '[^/+]+[/+][^/+]+[/+][^/?]+|[A-Za-z0-9_:-]+',
  jobId: '[0-9a-f-]+',
}

/** A path part for the router. */
export const pathParts = {
  program: `:program_key(${grammars.programKey})`,
  course: `:course_id(${grammars.courseId})`,
  job: `:job_id(${grammars.jobId})`,
}

const programKey = Type.String({
  pattern: `^${grammars.programKey}$`,
  description: 'Key of the program.',
  examples: ['masters-in-cs'],
})

export const programParams = Type.Object({ program_key: programKey })
export type ProgramParams = Static<typeof programParams>

export const courseParams = Type.Object({
  program_key: programKey,
  course_id: Type.String({
    pattern: `^(${grammars.courseId})$`,
    description: 'Internal or external key of a course run of the program.',
    examples: ['course-v1:Org+Course+Run'],
  }),
})
export type CourseParams = Static<typeof courseParams>

export const jobParams = Type.Object({
  job_id: Type.String({
    pattern: `^${grammars.jobId}$`,
    description: 'Id of the job.',
    examples: ['3b985cec-dcf4-4d38-9498-8545ebcf5d0f'],
  }),
})
export type JobParams = Static<typeof jobParams>

/**
 * A path whose course id is spread over several segments (`Org/Course/Run`), with the id as one segment; any other as it is.
 */
export function joinCourseSegments(url: string): string {
  if (!url.includes('/courses/')) return url
  const match =
    /^(\/api\/v[12]\/programs\/[^/?#]+\/courses\/)([^?#]+)(\/(?:enrollments|grades)\/?(?:[?#].*)?)$/s.exec(
      url,
    )
  if (match === null) return url
  const [, before = '', courseId = '', after = ''] = match
  return `${before}${courseId.replaceAll('/', '%2F')}${after}`
}

/** A query, each name with its last value. */
export function readQuery(text: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null)
  if (text === '') return query
  for (const [name, value] of new URLSearchParams(text)) query[name] = value
  return query
}
