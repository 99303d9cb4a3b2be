import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callRest, followJob } from '../fixtures/rest.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import { furtherParts, startTestStack, type TestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'

const LEARNERS = 200_000

let system: TestStack
let school: School
let token: string

beforeAll(async () => {
  system = await startTestStack()
  school = await createSchool(await connectWorld(system.addresses))
  for (let batch = 0; batch < LEARNERS; batch += 20_000)
    await school.enroll(school.masters, 20_000, `learner-${batch}-`)
  token = await school.partner('organization_read_write_enrollments')
}, 300_000)

afterAll(() => system.close())

const enrollments = () => `${system.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`

async function startRead(): Promise<string> {
  const { status, body, text } = await callRest(`${enrollments()}?fmt=csv`, { token })
  if (status !== 202) throw new Error(`${status}: ${text}`)
  return (body as { job_url: string }).job_url
}

async function expectWholeResult(jobUrl: string): Promise<void> {
  const job = await followJob(jobUrl, token, 120_000)
  expect(job.state).toBe('Succeeded')
  const lines = (await (await fetch(job.result ?? '')).text()).trimEnd().split('\r\n')
  expect(lines).toHaveLength(LEARNERS + 1)
  expect(new Set(lines).size).toBe(LEARNERS + 1)
}

/** Waits until the job has read something and has not ended. */
async function untilHalfDone(jobUrl: string): Promise<void> {
  for (;;) {
    const { body } = await callRest(jobUrl, { token })
    const { state, progress } = body as { state: string; progress?: { rows_done: number } }
    if (state === 'Succeeded' || state === 'Failed') throw new Error(`the job ended too early: ${state}`)
    if ((progress?.rows_done ?? 0) > 0) return
    await sleep(5)
  }
}

describe('a process killed with -9 in the middle of a read', () => {
  test.each([
    'jobs-worker',
    'enrollment',
    'catalog',
    'jobs',
    'access-control',
    'gateway',
    'temporal',
    'postgres',
    ...furtherParts,
  ] as const)(
    '%s: the job finishes, complete and with no row twice',
    async (part) => {
      const jobUrl = await startRead()
      await untilHalfDone(jobUrl)

      const back = system.stack.restarted(part)
      system.stack.kill(part, 'SIGKILL')
      await back

      await untilAnswers(jobUrl)
      await expectWholeResult(jobUrl)
    },
    180_000,
  )
})

test('a job accepted while Temporal is away runs when it is back', async () => {
  const back = system.stack.restarted('temporal')
  system.stack.kill('temporal', 'SIGKILL')
  const jobUrl = await startRead()
  await back
  await expectWholeResult(jobUrl)
}, 180_000)

test('while a service is away the partner is told when to come back, and is served again after', async () => {
  const back = system.stack.restarted('catalog')
  system.stack.kill('catalog', 'SIGKILL')
  const { status, headers } = await callRest(`${system.addresses.gateway}/api/v1/programs`, { token })
  if (status !== 200) {
    expect(status).toBe(503)
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  }
  await back
  await untilAnswers(`${system.addresses.gateway}/api/v1/programs`)
}, 60_000)

async function untilAnswers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const status = await callRest(url, { token }).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) return
    if (status !== 0 && status !== 503) throw new Error(`${url} answered ${status}`)
    await sleep(100)
  }
  throw new Error(`${url} does not answer`)
}
