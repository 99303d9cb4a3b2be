import { metadataOf } from '#kit/rpc-errors.ts'
import type { Upstream, UpstreamAnswer } from '#kit/upstream.ts'
import type { EnrollmentWrite, WriteMode, WriteOutcome } from '../../domain/enrollment-write.ts'
import { readObject } from './fields.ts'
import type { Item } from './items.ts'

/** Where a write goes, and on whose behalf. */
export type WriteTarget = {
  path: string
  programUuid: string
  mode: WriteMode
  requestId: string
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

/** Writes batch after batch. Learners of whom the LMS told nothing have no outcome. */
export async function writeInBatches(
  lms: Upstream,
  target: WriteTarget,
  writes: readonly EnrollmentWrite[],
  toItem: (write: EnrollmentWrite) => Item,
): Promise<WriteOutcome[]> {
  const outcomes: WriteOutcome[] = []
  for (let start = 0; start < writes.length; start += batchSize) {
    target.signal.throwIfAborted()
    const batch = writes.slice(start, start + batchSize)
    outcomes.push(...(await writeSplitting(batch, (part) => send(lms, target, part.map(toItem)))))
  }
  return outcomes
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
  { path, programUuid, mode, requestId, signal }: WriteTarget,
  items: Item[],
): Promise<UpstreamAnswer> {
  const call = { ...methods[mode], path, body: items, requestId, signal, key: programUuid, accept: toldByRow }
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
