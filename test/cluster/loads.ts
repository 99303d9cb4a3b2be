import { setTimeout as sleep } from 'node:timers/promises'
import { callRest, followJob } from '../fixtures/rest.ts'
import type { School } from '../fixtures/school.ts'

/** One kind of work at a steady rate for some seconds. */
export type SteadyLoad = {
  readonly work: string
  /** Resolves with how often it was done. */
  run(): Promise<number>
}

type Options = { gateway: string; school: School; token: string; seconds: number }

/** Rest first; then each kind of work alone, at a rate that two cores carry beside whatever else they do. */
export function createLoads({ gateway, school, token, seconds }: Options): SteadyLoad[] {
  const programs = `${gateway}/api/v1/programs`
  const enrollments = `${programs}/${school.masters.key}/enrollments`
  const steady = (work: string, perSecond: number, once: (turn: number) => Promise<void>): SteadyLoad => ({
    work,
    run: () => repeat(seconds, perSecond, once),
  })

  async function expectStatus(wanted: number, answer: ReturnType<typeof callRest>): Promise<unknown> {
    const { status, body, text } = await answer
    if (status !== wanted) throw new Error(`${status}: ${text}`)
    return body
  }

  async function endOf(accepted: ReturnType<typeof callRest>): Promise<void> {
    const { job_url: url } = (await expectStatus(202, accepted)) as { job_url: string }
    // The polls of a patient partner: what they cost is counted by itself.
    await sleep(1_000)
    const { state } = await followJob(url, token)
    if (state !== 'Succeeded') throw new Error(`a job is ${state}`)
  }

  return [
    {
      work: 'at rest, a second',
      async run() {
        await sleep(seconds * 1000)
        return seconds
      },
    },
    steady('GET /programs', 20, async () => void (await expectStatus(200, callRest(programs, { token })))),
    steady('PATCH of 25', 4, async (turn) => {
      const body = Array.from({ length: 25 }, (_, index) => ({
        student_key: `learner-${String((turn * 25 + index) % 2_000).padStart(6, '0')}`,
        status: turn % 160 < 80 ? 'suspended' : 'enrolled',
      }))
      await expectStatus(200, callRest(enrollments, { method: 'PATCH', token, body }))
    }),
    steady('read job of 2,000 rows', 1, () => endOf(callRest(`${enrollments}?fmt=csv`, { token }))),
    steady('upload job of 500 rows', 0.2, async (turn) => {
      const rows = Array.from({ length: 500 }, (_, index) => {
        const status = turn % 2 === 0 ? 'suspended' : 'enrolled'
        return `learner-${String(index).padStart(6, '0')},${status}`
      })
      const form = new FormData()
      form.append('file', new Blob([`student_key,status\n${rows.join('\n')}\n`]), 'enrollments.csv')
      await endOf(callRest(`${enrollments}/upload`, { method: 'POST', token, body: form }))
    }),
  ]
}

/** Begins so many each second whatever the answers take; resolves when all have ended. */
async function repeat(
  seconds: number,
  perSecond: number,
  once: (turn: number) => Promise<void>,
): Promise<number> {
  const turns = Math.floor(seconds * perSecond)
  const beganAt = performance.now()
  const all = Array.from({ length: turns }, async (_, turn) => {
    await sleep(Math.max(0, (turn * 1000) / perSecond - (performance.now() - beganAt)))
    await once(turn)
  })
  await Promise.all(all)
  await sleep(Math.max(0, seconds * 1000 - (performance.now() - beganAt)))
  return turns
}
