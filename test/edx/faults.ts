import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/**
 * What can happen to a request: before anything is done for it, `unavailable` (503), `throttled` (429 with Retry-After), `failed`
 * (500) and `dropped` (the connection ends); after it was done, `lost` (the connection ends), `brokenOff` (half an answer) and
 * `garbage` (200 with a page of HTML).
 */
export const faultKinds = [
  'unavailable',
  'throttled',
  'failed',
  'dropped',
  'lost',
  'brokenOff',
  'garbage',
] as const
export type FaultKind = (typeof faultKinds)[number]

export type Faults = {
  /** Before each answer, in milliseconds. */
  latencyMs: number
  /** How often each happens, from 0 to 1; together 1 at most. */
  rates: Partial<Record<FaultKind, number>>
  /** What a 429 asks for, in seconds. */
  retryAfterSeconds: number
  /** Only requests whose path contains this text are touched; all when empty. */
  only: string
  /** Whether requests for tokens are touched too. */
  tokensToo: boolean
}

/** Switches for faults; chance repeats itself from the same seed. */
export class FaultSwitches {
  current: Faults = none()
  /** How often each has happened since the last `reset`. */
  counts: Partial<Record<FaultKind, number>> = {}
  #random = randomFrom(1)

  set(faults: Partial<Faults> & { seed?: number }): void {
    const { seed, ...rest } = faults
    if (seed !== undefined) this.#random = randomFrom(seed)
    this.current = { ...this.current, ...rest }
  }

  reset(): void {
    this.current = none()
    this.counts = {}
  }

  /** What happens to a request. */
  draw(path: string): FaultKind | undefined {
    if (!this.touches(path)) return undefined
    let left = this.#random()
    for (const kind of faultKinds) {
      left -= this.current.rates[kind] ?? 0
      if (left < 0) {
        this.counts[kind] = (this.counts[kind] ?? 0) + 1
        return kind
      }
    }
    return undefined
  }

  touches(path: string): boolean {
    if (path.startsWith('/_control')) return false
    if (path.startsWith('/oauth2/')) return this.current.tokensToo && this.current.only === ''
    return path.includes(this.current.only)
  }
}

function none(): Faults {
  return { latencyMs: 0, rates: {}, retryAfterSeconds: 1, only: '', tokensToo: true }
}

/** Makes a server suffer what the switches say. */
export function addFaults(app: FastifyInstance, faults: FaultSwitches): void {
  const drawn = new WeakMap<FastifyRequest, FaultKind>()

  app.addHook('onRequest', async (request, reply) => {
    const { latencyMs } = faults.current
    if (latencyMs > 0 && faults.touches(request.url)) await sleep(latencyMs)
    const kind = faults.draw(request.url)
    if (kind !== undefined) {
      drawn.set(request, kind)
      return answerAtOnce(kind, reply, faults.current)
    }
  })

  app.addHook('onSend', async (request, reply, payload) => {
    switch (drawn.get(request)) {
      case 'lost':
        reply.raw.destroy()
        return payload
      case 'garbage':
        reply.code(200).header('content-type', 'text/html').removeHeader('content-length')
        return '<html><body>Just a moment…</body></html>'
      case 'brokenOff': {
        const whole = String(payload ?? '')
        reply.header('content-length', Buffer.byteLength(whole) + 1)
        return Readable.from(breakOff(whole))
      }
      default:
        return payload
    }
  })
}

function answerAtOnce(kind: FaultKind, reply: FastifyReply, { retryAfterSeconds }: Faults): unknown {
  switch (kind) {
    case 'unavailable':
      return reply.code(503).send('<html><body>Service Unavailable</body></html>')
    case 'throttled':
      reply.header('retry-after', String(retryAfterSeconds))
      return reply.code(429).send({ detail: 'Request was throttled.' })
    case 'failed':
      return reply.code(500).send('<h1>Server Error (500)</h1>')
    case 'dropped':
      reply.hijack()
      return reply.raw.destroy()
    default:
      return undefined
  }
}

async function* breakOff(whole: string): AsyncGenerator<string> {
  yield whole.slice(0, whole.length / 2)
  await sleep(10)
  throw new Error('broken off on purpose')
}

/** Numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
