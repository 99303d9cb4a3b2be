import type { ServiceImpl } from '@connectrpc/connect'
import { auditPageSizes, readAuditFilter, tellAuditEvent } from '#kit/audit-events.ts'
import { decodePageToken, encodePageToken, pageSizeOf } from '#kit/page.ts'
import type {
  EnrollmentService,
  ListAuditRowsRequest,
} from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { isRowPosition, type RowPosition, type RowsOf } from '../domain/audited-row.ts'
import { invalidField } from '../domain/request-rules.ts'
import { isStorable } from '../domain/write-rules.ts'
import { tellAuditRow } from '../messages.ts'
import type { AuditStore } from '../store/audit-store.ts'

type Dependencies = { audit: Pick<AuditStore, 'listRows' | 'findBatches'> }

export function listAuditRows({
  audit,
}: Dependencies): ServiceImpl<typeof EnrollmentService>['listAuditRows'] {
  return async ({ of, filter: asked, pageSize, pageToken }) => {
    const rowsOf = readRowsOf(of)
    const filter = readAuditFilter(asked)
    const size = pageSizeOf(pageSize, auditPageSizes)
    const after = pageToken === '' ? undefined : decodePageToken<RowPosition>(pageToken, isRowPosition)
    // One more than asked for tells whether there is a next page.
    const found = await audit.listRows(rowsOf, { filter, count: size + 1, ...(after && { after }) })
    const rows = found.slice(0, size)
    const last = rows.at(-1)
    const batches = await audit.findBatches([...new Set(rows.map(({ batchId }) => batchId))])
    const hasMore = found.length > size && last !== undefined
    return {
      rows: rows.map(tellAuditRow),
      batches: batches.map(tellAuditEvent),
      nextPageToken: hasMore ? encodePageToken({ batchId: last.batchId, id: last.id }) : '',
    }
  }
}

function readRowsOf(of: ListAuditRowsRequest['of']): RowsOf {
  switch (of.case) {
    case 'batchId':
      if (!/^\d{1,18}$/.test(of.value)) throw invalidField('batch_id', 'must be the id of a batch')
      return { batchId: of.value }
    case 'studentKey':
      if (!isStorable(of.value)) throw invalidField('student_key', 'must not hold NUL')
      return { studentKey: of.value }
    default:
      throw invalidField('of', 'must name a batch or a learner')
  }
}
