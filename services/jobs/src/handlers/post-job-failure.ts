import { type FindVisibleJob, invalidArgument } from '../find-job.ts'
import { assertShowable, type PostedOutcomeDependencies, tellPosted } from '../posted-outcomes.ts'
import type { Rpc } from '../rpc.ts'

export type PostJobFailureDependencies = PostedOutcomeDependencies & { findVisibleJob: FindVisibleJob }

export function postJobFailure(dependencies: PostJobFailureDependencies): Rpc<'postJobFailure'> {
  const { findVisibleJob, store } = dependencies
  return async ({ id, reason, message }, context) => {
    if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(reason)) {
      throw invalidArgument('reason', 'must be 1 to 64 capital letters, digits and underscores')
    }
    if (message.trim() === '') throw invalidArgument('message', 'must say something')
    assertShowable('message', message)
    await findVisibleJob(id, context)
    const isEnded = await store.end(id, { state: 'FAILED', failure: { reason, message } })
    return tellPosted(dependencies, id, isEnded)
  }
}
