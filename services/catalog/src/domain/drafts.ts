import type { CourseRun } from './course-run.ts'
import { isCourseKey, isExternalKey, isKey, isStorable, isUuid } from './grammar.ts'
import type { OrganizationDraft } from './organization.ts'
import type { ProgramDraft } from './program.ts'
import { type Fault, invalidArgument } from './refusals.ts'

const nameLength = 255
const urlLength = 2_048

/** Checks a new organization as it was asked for. INVALID_ARGUMENT with every field that is wrong. */
export function draftOrganization(asked: {
  key: string
  name: string
  discoveryUuid: string
}): OrganizationDraft {
  refuse(
    faultOf(
      'key',
      isKey(asked.key),
      asked.key.length > nameLength
        ? `org_key can be at most ${nameLength} characters`
        : 'org_key can only contain alphanumeric characters, dashes, and underscores',
    ),
    faultOfText('name', asked.name, nameLength),
    faultOfUuid('discovery_uuid', asked.discoveryUuid),
  )
  return {
    key: asked.key,
    name: asked.name || asked.key,
    discoveryUuid: asked.discoveryUuid || undefined,
  }
}

/** Checks a new program as it was asked for. INVALID_ARGUMENT with every field that is wrong. */
export function draftProgram(asked: {
  key: string
  discoveryUuid: string
  title: string
  type: string
  url: string
}): ProgramDraft {
  refuse(
    faultOf(
      'key',
      isKey(asked.key),
      'key must be 1 to 255 characters: ASCII letters, digits, dashes and underscores',
    ),
    faultOfUuid('discovery_uuid', asked.discoveryUuid),
    faultOfText('title', asked.title, nameLength),
    faultOfText('type', asked.type, nameLength),
    faultOfText('url', asked.url, urlLength),
  )
  return {
    key: asked.key,
    discoveryUuid: asked.discoveryUuid || undefined,
    title: asked.title || null,
    type: asked.type || null,
    url: asked.url || null,
  }
}

/** Checks a new course run as it was asked for. INVALID_ARGUMENT with every field that is wrong. */
export function draftCourseRun(
  asked: { key: string; externalKey?: string; title?: string; url?: string } | undefined,
): CourseRun {
  if (asked === undefined) {
    throw invalidArgument([{ field: 'course_run', description: 'course_run is missing' }])
  }
  refuse(
    faultOf(
      'course_run.key',
      isCourseKey(asked.key),
      'key must be three parts separated by + or /, together at most 255 characters',
    ),
    faultOf(
      'course_run.external_key',
      asked.externalKey === undefined || isExternalKey(asked.externalKey),
      'external_key must be 1 to 255 characters: ASCII letters, digits, underscores, colons and dashes',
    ),
    faultOfText('course_run.title', asked.title ?? '', nameLength),
    faultOfText('course_run.url', asked.url ?? '', urlLength),
  )
  return {
    key: asked.key,
    externalKey: asked.externalKey ?? null,
    title: asked.title || null,
    url: asked.url || null,
  }
}

function refuse(...faults: (Fault | undefined)[]): void {
  const found = faults.filter((fault) => fault !== undefined)
  if (found.length > 0) throw invalidArgument(found)
}

function faultOf(field: string, isRight: boolean, description: string): Fault | undefined {
  return isRight ? undefined : { field, description }
}

function faultOfText(field: string, text: string, maximum: number): Fault | undefined {
  const name = field.split('.').at(-1)
  return (
    faultOf(field, text.length <= maximum, `${name} can be at most ${maximum} characters`) ??
    faultOf(field, isStorable(text), `${name} cannot contain NUL characters`)
  )
}

function faultOfUuid(field: string, uuid: string): Fault | undefined {
  return faultOf(field, uuid === '' || isUuid(uuid), `${field} must be a UUID with dashes`)
}
