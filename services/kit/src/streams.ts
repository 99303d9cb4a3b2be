/** What to do when a stream ends. */
type StreamEnd = {
  /** Called once, with the error if one ended the stream; also when the reader stops early. */
  ended?: (error?: unknown) => void
  /** What to throw instead of an error that ends the stream. */
  translate?: (error: unknown) => unknown
}

/** The same stream, with something to do when it ends. */
export async function* onStreamEnd<T>(
  stream: AsyncIterable<T>,
  { ended, translate = (error) => error }: StreamEnd,
): AsyncGenerator<T> {
  let failure: unknown
  try {
    yield* stream
  } catch (error) {
    failure = translate(error)
    throw failure
  } finally {
    ended?.(failure)
  }
}

/** The same stream, broken off with the signal's reason as soon as the signal aborts, even while nothing arrives. */
export async function* untilAborted<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = stream[Symbol.asyncIterator]()
  let isDone = false
  try {
    for (;;) {
      const result = await raceWithAbort(iterator.next(), signal)
      if (result.done === true) {
        isDone = true
        return
      }
      yield result.value
    }
  } finally {
    // Not awaited: a producer that hangs must not hold up its consumer.
    if (!isDone) Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

/** What the promise settles to, or the signal's reason when that comes first. */
export function raceWithAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
