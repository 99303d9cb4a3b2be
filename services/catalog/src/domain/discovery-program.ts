import type { CourseRun } from './course-run.ts'
import { isUuid } from './grammar.ts'

/** What we keep of a program of Discovery; what it does not tell is null. */
export type CopiedDetails = {
  title: string | null
  url: string | null
  type: string | null
  /** Of the first curriculum that is active; null when none is. */
  activeCurriculumUuid: string | null
  /** All runs of all courses of that curriculum, in Discovery's order. */
  courseRuns: CourseRun[]
}

/** A program as Discovery tells it. */
export type DiscoveryProgram = CopiedDetails & {
  uuid: string | null
  marketingSlug: string | null
  authoringOrganizations: { uuid: string | null; key: string | null }[]
  /** False when it tells nothing about curricula, rather than that there are none. */
  tellsCurricula: boolean
}

/** An organization as Discovery tells it. */
export type DiscoveryOrganization = { uuid: string | null; key: string | null; name: string | null }

/** Reads the JSON of a program; undefined when that is not what it is. Fields that are not known are passed over. */
export function readDiscoveryProgram(json: unknown): DiscoveryProgram | undefined {
  const program = recordOf(json)
  const told = ['uuid', 'title', 'type', 'marketing_url', 'curricula']
  if (program === undefined || !told.some((field) => field in program)) return undefined
  const curriculum = recordsOf(program.curricula).find(({ is_active: isActive }) => isActive)
  const curriculumUuid = uuidOf(curriculum?.uuid)
  return {
    uuid: uuidOf(program.uuid),
    title: textOf(program.title) || null,
    url: textOf(program.marketing_url),
    type: textOf(program.type),
    activeCurriculumUuid: curriculumUuid,
    courseRuns: curriculumUuid === null ? [] : readCourseRuns(curriculum?.courses),
    marketingSlug: textOf(program.marketing_slug),
    authoringOrganizations: recordsOf(program.authoring_organizations).map(({ uuid, key }) => ({
      uuid: uuidOf(uuid),
      key: textOf(key),
    })),
    tellsCurricula: Array.isArray(program.curricula),
  }
}

/** Reads the JSON of an organization; undefined when that is not what it is. */
export function readDiscoveryOrganization(json: unknown): DiscoveryOrganization | undefined {
  const organization = recordOf(json)
  if (organization === undefined) return undefined
  const { uuid, key, name } = organization
  return { uuid: uuidOf(uuid), key: textOf(key), name: textOf(name) }
}

function readCourseRuns(courses: unknown): CourseRun[] {
  return recordsOf(courses)
    .flatMap(({ course_runs: runs }) => recordsOf(runs))
    .flatMap((run) => {
      const key = textOf(run.key)
      // Nobody can be enrolled in a run without a key.
      if (key === null) return []
      return [
        {
          key,
          externalKey: textOf(run.external_key),
          title: textOf(run.title),
          url: textOf(run.marketing_url),
        },
      ]
    })
}

type Fields = Readonly<Record<string, unknown>>

function recordOf(json: unknown): Fields | undefined {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Fields) : undefined
}

function recordsOf(json: unknown): Fields[] {
  return Array.isArray(json) ? json.map(recordOf).filter((each) => each !== undefined) : []
}

// PostgreSQL knows no NUL character.
function textOf(json: unknown): string | null {
  return typeof json === 'string' ? json.replaceAll('\0', '') : null
}

function uuidOf(json: unknown): string | null {
  return typeof json === 'string' && isUuid(json) ? json.toLowerCase() : null
}
