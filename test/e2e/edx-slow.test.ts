import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type EdxProgram, type EdxSchool, type EdxStack, startEdxStack } from '../edx/edx-stack.ts'
import { callRest } from '../fixtures/rest.ts'

let system: EdxStack
let school: EdxSchool

beforeAll(async () => {
  system = await startEdxStack({ LOG_LEVEL: 'warn' })
  school = await system.makeSchool(2)
  // What everybody gets from the LMS once is there before it is slow: its keys, a token for it, what Discovery tells.
  for (const program of school.programs) await write(program, 'first')
  await readWhatNeedsNoLms(school.programs[0] as EdxProgram)
}, 120_000)

afterAll(() => system?.close())
afterEach(() => system.edx.lms.faults.reset())

const call = (path: string) => callRest(`${system.programsUrl}${path}`, { token: school.token })
const write = ({ key }: EdxProgram, studentKey: string) =>
  callRest(`${system.programsUrl}/${key}/enrollments`, {
    method: 'POST',
    token: school.token,
    body: [{ student_key: studentKey, status: 'enrolled' }],
  })

async function readWhatNeedsNoLms({ key }: EdxProgram): Promise<number[]> {
  const { gateway } = system.stack.urls
  const calls = [
    call(''),
    call(`/${key}`),
    call(`/${key}/courses`),
    callRest(`${gateway}/api/v1/jobs`, { token: school.token }),
    callRest(`${gateway}/health`),
  ]
  return (await Promise.all(calls)).map(({ status }) => status)
}

/** Many writes that wait for an LMS which takes five seconds, and whether one of them has been answered yet. */
function writeSlowly(program: EdxProgram, count: number) {
  const answers: number[] = []
  const all = Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { status } = await write(program, `slow-${Date.now()}-${index}`)
      answers.push(status)
    }),
  )
  return { answers, all }
}

test('an LMS that takes five seconds keeps nobody waiting who does not need it', async () => {
  const [program] = school.programs as [EdxProgram]
  system.edx.lms.faults.set({ latencyMs: 5_000 })
  const { answers, all } = writeSlowly(program, 8)
  for (let round = 0; round < 8; round++) {
    expect(await readWhatNeedsNoLms(program)).toEqual([200, 200, 200, 200, 200])
  }
  // A job that needs the LMS is accepted all the same.
  expect((await call(`/${program.key}/enrollments`)).status).toBe(202)
  expect(answers).toEqual([])
  await all
  expect(answers).toEqual(Array(8).fill(200))
}, 60_000)

test('the trouble of one program keeps nobody waiting who writes to another', async () => {
  const [slow, other] = school.programs as [EdxProgram, EdxProgram]
  system.edx.lms.faults.set({ latencyMs: 5_000, only: slow.uuid })
  const { answers, all } = writeSlowly(slow, 20)
  for (let round = 0; round < 10; round++) {
    expect((await write(other, `fast-${round}`)).status).toBe(200)
  }
  expect(answers).toEqual([])
  await all
  expect(answers).toEqual(Array(20).fill(200))
}, 60_000)
