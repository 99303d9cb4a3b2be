/**
 * Sends requests at a rate, in a process of its own. Arrivals are independent of each other and wait for nothing; a request's time
 * counts from the moment when it was due, also when the generator or a connection was not free then.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { LoadCommand, LoadReport, LoadRequest } from './load-plan.ts'

const connections = 128
const answerWithinMs = 10_000

let pool: Pool | undefined

process.on('message', async ({ origin, requests, rate, seconds }: LoadCommand) => {
  pool ??= new Pool(origin, { connections, headersTimeout: answerWithinMs, bodyTimeout: answerWithinMs })
  process.send?.(await run(pool, requests, rate, seconds))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

async function run(
  to: Pool,
  requests: readonly LoadRequest[],
  rate: number,
  seconds: number,
): Promise<LoadReport> {
  const answers: LoadReport['answers'] = []
  const underway = new Set<Promise<void>>()
  const beganAt = performance.now()
  let dueAt = beganAt
  for (;;) {
    dueAt += (-Math.log(1 - Math.random()) * 1_000) / rate
    if (dueAt > beganAt + seconds * 1_000) break
    const early = dueAt - performance.now()
    if (early > 0) await sleep(early)
    const request = pick(requests)
    const due = dueAt
    const sent = send(to, request).then((isOk) => {
      answers.push({ kind: request.kind, ms: performance.now() - due, isOk })
      underway.delete(sent)
    })
    underway.add(sent)
  }
  await Promise.all(underway)
  return { answers, seconds: (performance.now() - beganAt) / 1_000 }
}

function pick(requests: readonly LoadRequest[]): LoadRequest {
  return requests[Math.floor(Math.random() * requests.length)] as LoadRequest
}

async function send(to: Pool, { path, token, writes, expected }: LoadRequest): Promise<boolean> {
  const headers = { authorization: `JWT ${token}`, 'content-type': 'application/json' }
  try {
    const { statusCode, body } = await to.request({
      ...{ path, headers },
      ...(writes ? { method: 'POST', body: JSON.stringify(newLearners()) } : { method: 'GET' }),
    })
    await body.dump()
    return statusCode === expected
  } catch {
    return false
  }
}

let learners = 0

function newLearners() {
  return Array.from({ length: 25 }, () => ({ student_key: `load-${learners++}`, status: 'enrolled' }))
}
