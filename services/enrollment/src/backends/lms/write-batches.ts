import { Reason } from '#kit/errors.ts'
import { metadataOf, reasonOf } from '#kit/rpc-errors.ts'
import type { Upstream, UpstreamAnswer } from '#kit/upstream.ts'
import { ReasonSchema } from '#proto/registrar/errors/v1/reason_pb.ts'
import type { AuditedBatch } from '../../domain/audited-batch.ts'
import {
  collectOutcomes,
  type EnrollmentWrite,
  type WriteMode,
  type WriteOutcome,
} from '../../domain/enrollment-write.ts'
import type { AuditTrail } from '../../store/audit-trail.ts'
import { readObject } from './fields.ts'
import type { Item } from './items.ts'

/** Where a write goes, and on whose behalf. */
export type WriteTarget = {
  /** What it is to metrics: `write_…`. */
  operation: string
  path: string
  batch: AuditedBatch & { mode: WriteMode }
  signal: AbortSignal
}

// What the LMS takes at once.
const batchSize = 25

// Creating is not repeatable: what was created by a request whose answer was lost would come back as a conflict. To set a status
// again changes nothing.
const methods = {
  create: { method: 'POST', repeatable: false },
  update: { method: 'PATCH', repeatable: true },
  'create-or-update': { method: 'PUT', repeatable: true },
} as const

// Refusals of what was asked are told row by row. The LMS's own trouble (429, 5xx) and ours with it (401) are not: the call fails.
const toldByRow = Array.from({ length: 100 }, (_, index) => 400 + index).filter(
  (status) => ![401, 408, 425, 429].includes(status),
)
// The batch was refused as a whole for something in it, and nothing was done.
const splitFor = new Set([400, 413])

/** Writes batch after batch, each put down before and after. Learners of whom the LMS told nothing have no outcome. */
export async function writeInBatches(
  { lms, trail }: { lms: Upstream; trail: AuditTrail },
  target: WriteTarget,
  writes: readonly EnrollmentWrite[],
  toItem: (write: EnrollmentWrite) => Item,
): Promise<WriteOutcome[]> {
  const outcomes: WriteOutcome[] = []
  for (let start = 0; start < writes.length; start += batchSize) {
    target.signal.throwIfAborted()
    const batch = writes.slice(start, start + batchSize)
    const write = () => writeSplitting(batch, (part) => send(lms, target, part.map(toItem)))
    outcomes.push(...(await putDown(trail, target.batch, batch, write)))
  }
  return outcomes
}

/** Puts down what is asked before it is, so that nothing of it is lost when this process dies, and then what came of it. */
async function putDown(
  trail: AuditTrail,
  batch: AuditedBatch,
  writes: readonly EnrollmentWrite[],
  write: () => Promise<WriteOutcome[]>,
): Promise<WriteOutcome[]> {
  const id = await trail.begin(batch, writes)
  try {
    const outcomes = await write()
    await trail.conclude(id, writes, collectOutcomes({ unique: writes, duplicated: [] }, outcomes))
    return outcomes
  } catch (error) {
    const reason = ReasonSchema.value[reasonOf(error) ?? Reason.INTERNAL]
    await trail.fail(id, reason?.localName ?? 'INTERNAL')
    throw error
  }
}

/** Halves a batch that is refused as a whole until the row that it is refused for is alone. */
async function writeSplitting(
  batch: readonly EnrollmentWrite[],
  write: (batch: readonly EnrollmentWrite[]) => Promise<UpstreamAnswer>,
): Promise<WriteOutcome[]> {
  const answer = await write(batch)
  if (!splitFor.has(answer.status) || batch.length === 1) return outcomesOf(batch, answer)
  const middle = Math.ceil(batch.length / 2)
  return [
    ...(await writeSplitting(batch.slice(0, middle), write)),
    ...(await writeSplitting(batch.slice(middle), write)),
  ]
}

async function send(
  lms: Upstream,
  { operation, path, batch, signal }: WriteTarget,
  items: Item[],
): Promise<UpstreamAnswer> {
  const call = {
    ...{ operation, ...methods[batch.mode], path, body: items },
    ...{ requestId: batch.author.requestId, signal, key: batch.program.uuid, accept: toldByRow },
  }
  try {
    return await lms.call(call)
  } catch (error) {
    const { fault, status } = metadataOf(error)
    // It says that it has done it, but not what.
    if (fault === 'nonsense') return { status: Number(status), body: undefined }
    throw error
  }
}

const answersWithOutcomes = new Set([200, 201, 207, 422])
const refusals = new Set([
  'duplicated',
  'invalid-status',
  'conflict',
  'illegal-operation',
  'not-in-program',
  'not-found',
  'internal-error',
])

function outcomesOf(batch: readonly EnrollmentWrite[], { status, body }: UpstreamAnswer): WriteOutcome[] {
  const told = answersWithOutcomes.has(status) ? readObject(body) : undefined
  const wanted = new Map(batch.map((write) => [write.studentKey, write.status.trim()]))
  return Object.entries(told ?? {}).flatMap(([studentKey, outcome]) => {
    if (typeof outcome !== 'string') return []
    // Among good and bad together only the status that was wanted is surely good.
    const isWanted = status !== 207 || outcome === (wanted.get(studentKey) ?? outcome)
    const accepted = status !== 422 && isWanted && !refusals.has(outcome)
    return [{ studentKey, status: outcome, accepted }]
  })
}
