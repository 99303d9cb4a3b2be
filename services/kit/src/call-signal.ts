import { AsyncLocalStorage } from 'node:async_hooks'

const calls = new AsyncLocalStorage<AbortSignal | undefined>()

/**
 * The signal of the RPC that is being served, which aborts when its caller goes away or its time is over while it is served.
 * Undefined outside of calls and in `apartFromCall`.
 */
export function signalOfCall(): AbortSignal | undefined {
  return calls.getStore()
}

/** Does what belongs to a call: a cancel of the call ends its statements. */
export function withinCall<T>(signal: AbortSignal, work: () => T): T {
  return calls.run(signal, work)
}

/** The same for the making of a stream, whose values are asked for from outside. */
export function streamWithinCall<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = withinCall(signal, () => stream[Symbol.asyncIterator]())
      const { return: end } = iterator
      return {
        next: () => withinCall(signal, () => iterator.next()),
        ...(end && { return: (value) => withinCall(signal, () => end.call(iterator, value)) }),
      }
    },
  }
}

/**
 * Does what must go on whatever becomes of the call that it was begun for: work that others wait for as well, and tidying up. What
 * goes on after its call has been answered is safe without.
 */
export function apartFromCall<T>(work: () => T): T {
  return calls.run(undefined, work)
}
