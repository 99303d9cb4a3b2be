import { Counter } from 'prom-client'
import { Reason } from '#kit/errors.ts'
import type { Metrics } from '#kit/metrics.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import type { Chunk, Storage } from './storage.ts'
import { watchChunks } from './watched-chunks.ts'

/** The same storage; what is asked of it is counted by what came of it, and the bytes that are written. */
export function measureStorage({ registry }: Metrics, storage: Storage): Storage {
  const operations = new Counter({
    name: 'registrar_storage_operations_total',
    help: 'What was asked of the storage of results and uploads, by what came of it.',
    labelNames: ['operation', 'outcome'],
    registers: [registry],
  })
  const bytes = new Counter({
    name: 'registrar_storage_written_bytes_total',
    help: 'Bytes of parts and uploads written to the storage.',
    registers: [registry],
  })

  async function* countBytes(chunks: AsyncIterable<Chunk>): AsyncGenerator<Chunk> {
    for await (const chunk of chunks) {
      bytes.inc(Buffer.byteLength(chunk))
      yield chunk
    }
  }

  async function count<T>(
    operation: string,
    done: Promise<T>,
    isOurs: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    try {
      const answer = await done
      operations.inc({ operation, outcome: 'ok' })
      return answer
    } catch (error) {
      operations.inc({ operation, outcome: isOurs(error) ? 'given_up' : outcomeOf(error) })
      throw error
    }
  }

  return {
    put(bucket, key, chunks) {
      const watched = watchChunks(countBytes(chunks))
      return count('put', storage.put(bucket, key, watched.chunks), watched.hasThrown)
    },
    read: (...wanted) => count('read', storage.read(...wanted)),
    join: (...wanted) => count('join', storage.join(...wanted)),
    list: (...wanted) => count('list', storage.list(...wanted)),
    remove: (...wanted) => count('remove', storage.remove(...wanted)),
    removeFolder: (...wanted) => count('remove_folder', storage.removeFolder(...wanted)),
    removeUnfinished: (...wanted) => count('remove_unfinished', storage.removeUnfinished(...wanted)),
    walk: (...wanted) => storage.walk(...wanted),
  }
}

function outcomeOf(error: unknown): string {
  switch (reasonOf(error)) {
    case Reason.OBJECT_NOT_FOUND:
      return 'not_found'
    case Reason.UNAVAILABLE:
      return 'unavailable'
    case Reason.STORAGE_REFUSED:
      return 'refused'
    default:
      return 'failed'
  }
}
