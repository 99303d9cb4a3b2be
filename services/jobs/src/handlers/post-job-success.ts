import { DomainError, Reason } from '#kit/errors.ts'
import { resultKeyOf } from '../domain/object-keys.ts'
import type { FindVisibleJob } from '../find-job.ts'
import {
  assertShowable,
  maximumContentBytes,
  type PostedOutcomeDependencies,
  tellPosted,
} from '../posted-outcomes.ts'
import type { Rpc } from '../rpc.ts'
import type { Storage } from '../storage/storage.ts'

export type PostJobSuccessDependencies = PostedOutcomeDependencies & {
  findVisibleJob: FindVisibleJob
  storage: Storage
  bucket: string
}

export function postJobSuccess(dependencies: PostJobSuccessDependencies): Rpc<'postJobSuccess'> {
  const { findVisibleJob, store, storage, bucket } = dependencies
  return async ({ id, content, text }, context) => {
    if (content.byteLength > maximumContentBytes) {
      throw new DomainError(Reason.TOO_LARGE, `The content must have ${maximumContentBytes} bytes at most.`)
    }
    assertShowable('text', text)
    const { job } = await findVisibleJob(id, context)
    const isEnded = await store.endAfter(id, text === '' ? null : text, async () => {
      await storage.put(bucket, resultKeyOf(job), chunksOf(content))
    })
    return tellPosted(dependencies, id, isEnded)
  }
}

async function* chunksOf(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content
}
