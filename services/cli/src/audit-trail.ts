import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt'
import { type AuditEvent, AuditFilterSchema } from '#proto/registrar/audit/v1/audit_event_pb.ts'
import type { AuditRow } from '#proto/registrar/enrollment/v1/audit_row_pb.ts'
import type { Services } from './services.ts'

/** An entry of the audit trail of a service: an event, or one learner's row of an event. */
export type AuditEntry = {
  service: 'access-control' | 'enrollment'
  event: AuditEvent
  row?: AuditRow
}

/** What to look for. */
export type AuditSearch = {
  filter: MessageInitShape<typeof AuditFilterSchema>
  /** Only what was written about this learner. */
  student?: string
  /** Tell the rows of each batch behind it. */
  rows: boolean
}

const pageSize = 1_000

/** What both services have put down, newest first. */
export async function* readAuditTrail(services: Services, search: AuditSearch): AsyncGenerator<AuditEntry> {
  const { student, rows } = search
  const filter = create(AuditFilterSchema, search.filter)
  if (student !== undefined) {
    yield* readRows(services, { case: 'studentKey', value: student }, filter)
    return
  }
  const events = newestFirst(
    readEvents('access-control', (page) => services.accessControl.listAuditEvents({ ...page, filter })),
    readEvents('enrollment', (page) => services.enrollment.listAuditEvents({ ...page, filter })),
  )
  for await (const entry of events) {
    yield entry
    if (rows && entry.service === 'enrollment') {
      yield* readRows(services, { case: 'batchId', value: entry.event.id })
    }
  }
}

type Page = { pageSize: number; pageToken: string }

async function* readEvents(
  service: AuditEntry['service'],
  list: (page: Page) => Promise<{ events: AuditEvent[]; nextPageToken: string }>,
): AsyncGenerator<AuditEntry> {
  let pageToken = ''
  do {
    const page = await list({ pageSize, pageToken })
    for (const event of page.events) yield { service, event }
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}

async function* readRows(
  { enrollment }: Services,
  of: { case: 'batchId' | 'studentKey'; value: string },
  filter?: ReturnType<typeof create<typeof AuditFilterSchema>>,
): AsyncGenerator<AuditEntry> {
  let pageToken = ''
  do {
    const page = await enrollment.listAuditRows({ of, pageSize, pageToken, ...(filter && { filter }) })
    const batches = new Map(page.batches.map((batch) => [batch.id, batch]))
    for (const row of page.rows) {
      const event = batches.get(row.batchId)
      if (event === undefined) throw new Error('a row came without its batch')
      yield { service: 'enrollment', event, row }
    }
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}

/** Two lists, each newest first, as one. */
async function* newestFirst(
  one: AsyncGenerator<AuditEntry>,
  other: AsyncGenerator<AuditEntry>,
): AsyncGenerator<AuditEntry> {
  let [a, b] = await Promise.all([one.next(), other.next()])
  while (a.done !== true || b.done !== true) {
    const isFirst = b.done === true || (a.done !== true && momentOf(a.value) >= momentOf(b.value))
    if (isFirst && a.done !== true) {
      yield a.value
      a = await one.next()
    } else if (b.done !== true) {
      yield b.value
      b = await other.next()
    }
  }
}

function momentOf({ event }: AuditEntry): number {
  return timestampMs(event.time as Timestamp)
}
