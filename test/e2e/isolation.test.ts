import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { type Answer, callRest, followJob } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import type { World } from '../fixtures/world.ts'
import {
  type Laid,
  type LaidProgram,
  layOut,
  type PermissionName,
  type Person,
  plans,
} from './isolation-world.ts'

const runs = Number(process.env.ISOLATION_RUNS ?? 12)

let world: World
let gateway: string

beforeAll(async () => {
  world = await runningWorld()
  gateway = world.addresses.gateway
})

/** What somebody asks: numbers choose among what there is, and wrap around. */
type Action = {
  kind: keyof typeof actions
  person: number
  program: number
  course: number
  job: number
  school: number
  version: string
}

type Asked = { laid: Laid; person: Person; program: LaidProgram; action: Action; base: string }

const pick = <T>(list: readonly T[], at: number) => list[at % list.length] as T

async function call(
  { laid, person }: Asked,
  url: string,
  options: { method?: string; body?: unknown } = {},
): Promise<Answer> {
  const answer = await callRest(url, { token: person.token, ...options })
  const strangers = laid.programs.filter((program) => !isKnownTo(person, program))
  expectNothingOf(strangers, answer.text + JSON.stringify([...answer.headers]))
  return answer
}

function isKnownTo(person: Person, program: LaidProgram): boolean {
  return (['read_metadata', 'read_enrollments', 'write_enrollments', 'read_reports'] as const).some((each) =>
    person.may(program, each),
  )
}

function expectNothingOf(programs: readonly LaidProgram[], text: string): void {
  for (const { secret } of programs) expect(text).not.toContain(secret)
}

/** Holds an answer against the permission that it takes; true when the request was let through. */
function expectAnswer(
  { person, program }: Asked,
  permission: PermissionName,
  answer: Answer,
  served: number[],
): boolean {
  const may = person.may(program, permission)
  expect([person.username, permission, program.key, answer.status]).toEqual([
    person.username,
    permission,
    program.key,
    may ? expect.toBeOneOf(served) : 403,
  ])
  return may
}

/** Follows a job of the person’s own; its result is the program’s and nothing of any other. */
async function expectOwnResult(asked: Asked, accepted: Answer): Promise<string> {
  const { laid, person, program } = asked
  const { job_url: url, job_id: id } = accepted.body as { job_url: string; job_id: string }
  person.jobs.add(id)
  const job = await followJob(url, person.token)
  expect(job.state).toBe('Succeeded')
  const { text } = await callRest(job.result ?? '')
  expectNothingOf(
    laid.programs.filter((other) => other !== program),
    text,
  )
  for (const other of laid.people.flatMap(({ jobs }) => [...jobs]).filter((each) => each !== id)) {
    expect((await callRest((job.result ?? '').replace(id, other))).status).toBe(404)
  }
  return text
}

function studentKeysIn(text: string): string[] {
  return (JSON.parse(text) as { student_key: string }[]).map((row) => row.student_key).sort()
}

const actions = {
  async list(asked: Asked) {
    const { laid, person, base } = asked
    const { body } = await call(asked, `${base}/programs`)
    const expected = laid.programs.filter((each) => person.may(each, 'read_metadata')).map(({ key }) => key)
    expect((body as { program_key: string }[]).map((each) => each.program_key)).toEqual(expected)
  },
  async listOfSchool(asked: Asked) {
    const { laid, person, action } = asked
    const org = pick(laid.schools, action.school)
    const permission = pick(
      ['read_metadata', 'read_enrollments', 'write_enrollments', 'read_reports'] as const,
      action.job,
    )
    const { body } = await call(asked, `${gateway}/api/v3/programs?org=${org}&user_has_perm=${permission}`)
    const expected = laid.programs
      .filter((each) => each.school === org && person.may(each, permission))
      .map(({ key }) => key)
    expect((body as { results: { program_key: string }[] }).results.map((each) => each.program_key)).toEqual(
      expected,
    )
  },
  async detail(asked: Asked) {
    expectAnswer(
      asked,
      'read_metadata',
      await call(asked, `${asked.base}/programs/${asked.program.key}`),
      [200],
    )
    expectAnswer(
      asked,
      'read_metadata',
      await call(asked, `${asked.base}/programs/${asked.program.key}/courses`),
      [200],
    )
  },
  async read(asked: Asked) {
    const { program, action, laid } = asked
    const course = pick([laid.courseKey, laid.externalKey], action.job)
    const tail = pick(['enrollments', `courses/${course}/enrollments`, 'course_enrollments'], action.course)
    const answer = await call(asked, `${asked.base}/programs/${program.key}/${tail}`)
    if (!expectAnswer(asked, 'read_enrollments', answer, [202])) return
    const text = await expectOwnResult(asked, answer)
    const inRun = [...program.learners].filter((key) => tail === 'enrollments' || !key.includes('-by-'))
    expect(studentKeysIn(text)).toEqual(inRun.sort())
  },
  async grades(asked: Asked) {
    const answer = await call(
      asked,
      `${asked.base}/programs/${asked.program.key}/courses/${asked.laid.courseKey}/grades`,
    )
    if (expectAnswer(asked, 'read_enrollments', answer, [202])) await expectOwnResult(asked, answer)
  },
  async write(asked: Asked) {
    const { program, person, action } = asked
    const key = `${program.secret}-by-${person.username}-${action.job}`
    const body = [{ student_key: key, status: 'enrolled' }]
    const answer = await call(asked, `${asked.base}/programs/${program.key}/enrollments`, {
      method: 'POST',
      body,
    })
    if (expectAnswer(asked, 'write_enrollments', answer, [200, 422])) program.learners.add(key)
  },
  async writeCourse(asked: Asked) {
    const url = `${asked.base}/programs/${asked.program.key}/courses/${asked.laid.externalKey}/enrollments`
    const body = [{ student_key: 'shared-learner', status: 'active' }]
    expectAnswer(asked, 'write_enrollments', await call(asked, url, { method: 'PATCH', body }), [200, 422])
  },
  async upload(asked: Asked) {
    const { program, person, action } = asked
    const key = `${program.secret}-by-${person.username}-csv-${action.job}`
    const body = new FormData()
    body.append('file', new Blob([`student_key,status\n${key},enrolled\n`]), 'x.csv')
    const answer = await call(asked, `${asked.base}/programs/${program.key}/enrollments/upload`, {
      method: 'POST',
      body,
    })
    if (!expectAnswer(asked, 'write_enrollments', answer, [202])) return
    program.learners.add(key)
    expect(await expectOwnResult(asked, answer)).toBe(`student_key,status\r\n${key},enrolled\r\n`)
  },
  async reports(asked: Asked) {
    const { program } = asked
    const answer = await call(asked, `${asked.base}/programs/${program.key}/reports`)
    if (!expectAnswer(asked, 'read_reports', answer, [200])) return
    const [report, ...more] = answer.body as { name: string; download_url: string }[]
    expect([report?.name, more]).toEqual([`${program.secret}__2026-01-01.csv`, []])
    expect((await callRest(report?.download_url ?? '')).text).toBe(program.secret)
  },
  async job(asked: Asked) {
    const { laid, person, action, base } = asked
    const owner = pick(laid.people, action.program)
    for (const id of [...owner.jobs].slice(-2)) {
      const status = owner === person ? 200 : 403
      expect((await call(asked, `${base}/jobs/${id}`)).status).toBe(status)
      expect((await call(asked, `${base}/jobs/${id}/cancel`, { method: 'POST' })).status).toBe(
        owner === person ? 409 : 403,
      )
    }
    const { body } = await call(asked, `${base}/jobs`)
    expect((body as { job_id: string }[]).filter(({ job_id }) => !person.jobs.has(job_id))).toEqual([])
  },
}

const action: fc.Arbitrary<Action> = fc.record({
  kind: fc.constantFrom(...(Object.keys(actions) as (keyof typeof actions)[])),
  person: fc.nat(9),
  program: fc.nat(9),
  course: fc.nat(9),
  job: fc.nat(9),
  school: fc.nat(9),
  version: fc.constantFrom('v1', 'v2'),
})

test('whoever asks whatever of two schools mixed at random gets what is theirs, and nothing of the other', async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.array(action, { minLength: 40, maxLength: 40 }), async (plan, asks) => {
      const laid = await layOut(world, plan)
      for (const each of asks) {
        const person = pick(laid.people, each.person)
        const program = pick(laid.programs, each.program)
        await actions[each.kind]({
          laid,
          person,
          program,
          action: each,
          base: `${gateway}/api/${each.version}`,
        })
      }
      // Who may read a program finds those in it whom somebody was allowed to write, and nobody else.
      for (const [at, person] of laid.people.entries()) {
        const program = laid.programs.find((every) => person.may(every, 'read_enrollments'))
        if (program === undefined) continue
        const last: Action = {
          kind: 'read',
          person: at,
          program: 0,
          course: 0,
          job: 0,
          school: 0,
          version: 'v1',
        }
        await actions.read({ laid, person, program, action: last, base: `${gateway}/api/v1` })
      }
    }),
    { numRuns: runs, seed: Number(process.env.ISOLATION_SEED ?? 4), endOnFailure: true },
  )
}, 300_000)
