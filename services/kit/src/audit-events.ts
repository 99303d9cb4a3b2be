import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf'
import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt'
import {
  AuditActor_Kind,
  type AuditEventSchema,
  type AuditFilter as AuditFilterMessage,
} from '#proto/registrar/audit/v1/audit_event_pb.ts'
import type { Author } from './author.ts'
import { DomainError, Reason } from './errors.ts'
import { decodePageToken, encodePageToken, pageSizeOf } from './page.ts'

/** An event of a service's audit trail. */
export type AuditEvent = {
  readonly id: string
  readonly at: Date
  readonly author: Author
  readonly action: string
  readonly target: { readonly kind: string; readonly name: string }
  readonly organization: Place
  readonly program: Place
  readonly courseKey: string | null
  readonly before: JsonObject | null
  readonly after: JsonObject | null
  readonly outcome: string
}

/** What an event is about, as far as the service knows it. */
export type Place = { readonly id: string | null; readonly key: string | null }

/** Which events are wanted: those that all of it holds for. */
export type AuditFilter = {
  readonly actor?: string
  readonly organizationId?: string
  readonly programId?: string
  readonly action?: string
  readonly target?: string
  readonly requestId?: string
  readonly since?: Date
  readonly until?: Date
}

/** Where a page of events goes on: behind the event with this time, in microseconds since 1970, and id. */
export type AuditPosition = { readonly micros: string; readonly id: string }

/** Which events to read: those behind a position, newest first. */
export type AuditSlice = {
  readonly filter: AuditFilter
  readonly after?: AuditPosition
  readonly count: number
}

type ListRequest = { filter?: AuditFilterMessage; pageSize: number; pageToken: string }

export const auditPageSizes = { default: 100, maximum: 1_000 }

/** Answers `ListAuditEvents` from a trail. INVALID_ARGUMENT, PAGE_TOKEN_INVALID. */
export async function listAuditEvents(
  request: ListRequest,
  read: (slice: AuditSlice) => Promise<(AuditEvent & AuditPosition)[]>,
): Promise<{ events: MessageInitShape<typeof AuditEventSchema>[]; nextPageToken: string }> {
  const filter = readAuditFilter(request.filter)
  const size = pageSizeOf(request.pageSize, auditPageSizes)
  const { pageToken } = request
  const after = pageToken === '' ? undefined : decodePageToken<AuditPosition>(pageToken, isPosition)
  // One more than asked for tells whether there is a next page.
  const found = await read({ filter, count: size + 1, ...(after && { after }) })
  const page = found.slice(0, size)
  const last = page.at(-1)
  return {
    events: page.map(tellAuditEvent),
    nextPageToken: found.length > size && last ? encodePageToken({ micros: last.micros, id: last.id }) : '',
  }
}

export function tellAuditEvent(event: AuditEvent): MessageInitShape<typeof AuditEventSchema> {
  const { author, organization, program, before, after } = event
  return {
    id: event.id,
    time: timestampFromDate(event.at),
    actor: {
      kind: author.kind === 'user' ? AuditActor_Kind.USER : AuditActor_Kind.SERVICE,
      name: author.name,
      via: author.via ?? '',
    },
    requestId: author.requestId,
    action: event.action,
    target: { ...event.target },
    organizationId: organization.id ?? '',
    organizationKey: organization.key ?? '',
    programId: program.id ?? '',
    programKey: program.key ?? '',
    courseKey: event.courseKey ?? '',
    ...(before && { before }),
    ...(after && { after }),
    outcome: event.outcome,
  }
}

/** INVALID_ARGUMENT for what can be found nowhere. */
export function readAuditFilter(message: AuditFilterMessage | undefined): AuditFilter {
  if (message === undefined) return {}
  const { since, until, $typeName: _, $unknown: __, ...texts } = message
  const asked = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''))
  for (const [field, text] of Object.entries(asked)) requireFindable(field, String(text))
  return {
    ...asked,
    ...(since && { since: readTime(since, 'since') }),
    ...(until && { until: readTime(until, 'until') }),
  }
}

function requireFindable(field: string, text: string): void {
  if (field.endsWith('Id') && field !== 'requestId' && !isUuid(text)) throw invalid(field, 'must be a uuid')
  if (text.includes('\0') || !text.isWellFormed()) throw invalid(field, 'must not hold NUL')
}

function readTime(time: Timestamp, field: string): Date {
  const date = timestampDate(time)
  if (Number.isNaN(date.getTime())) throw invalid(field, 'must be a time')
  return date
}

function invalid(field: string, description: string): DomainError {
  const path = `filter.${field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
  return new DomainError(Reason.INVALID_ARGUMENT, `${path} ${description}`, {
    fields: [{ field: path, description }],
  })
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

function isPosition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { micros, id } = value as Record<string, unknown>
  // Any 18 digits fit into a bigint.
  return [micros, id].every((each) => typeof each === 'string' && /^\d{1,18}$/.test(each))
}
