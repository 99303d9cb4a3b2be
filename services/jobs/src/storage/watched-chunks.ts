import type { Chunk } from './storage.ts'

/** Chunks that remember what they throw, which is not about the storage. */
export function watchChunks(chunks: AsyncIterable<Chunk>) {
  let thrown: { error: unknown } | undefined
  async function* pass(): AsyncGenerator<Chunk> {
    try {
      yield* chunks
    } catch (error) {
      thrown = { error }
      throw error
    }
  }
  return { chunks: pass(), hasThrown: (error: unknown) => thrown !== undefined && thrown.error === error }
}
