/** What was done to a learner; `asked` while only that is known. */
export type RowAction =
  | 'asked'
  | 'created'
  | 'updated'
  | 'unchanged'
  | 'accepted'
  | 'refused'
  | 'linked'
  | 'graded'

/** Where a page of rows goes on: behind this row. */
export type RowPosition = { readonly batchId: string; readonly id: string }

/** What became of one learner in a batch; null is not known, or does not apply. */
export type AuditedRow = RowPosition & {
  readonly at: Date
  readonly studentKey: string
  readonly action: RowAction
  readonly asked: string | null
  readonly outcome: string | null
  readonly previousStatus: string | null
  readonly previousCourseStaff: boolean | null
  readonly courseStaff: boolean | null
}

/** Of one batch, or of one learner key. */
export type RowsOf = { readonly batchId: string } | { readonly studentKey: string }

/** Whether a value, which somebody may have made up, is a position. */
export function isRowPosition(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { batchId, id } = value as Record<string, unknown>
  // Any 18 digits fit into a bigint.
  return [batchId, id].every((each) => typeof each === 'string' && /^\d{1,18}$/.test(each))
}
