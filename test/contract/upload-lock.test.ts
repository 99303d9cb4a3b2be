import { beforeAll, describe, expect, test } from 'vitest'
import { callRest, followJob } from '../fixtures/rest.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { followAnswer, formOf, runJob } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  const { catalog } = scene.world.operator
  const { school } = scene
  // Its key begins with that of `masters`.
  const longer = `${school.masters.key}-2`
  await catalog.createProgram({ key: longer, organizationKey: school.key, type: 'Masters' })
  await school.enroll(school.masters, 3, 'l')
  scene.names = { ...scene.names, longer }
})

const locked = '"Job already in progress for program"'
const csv = 'student_key,status\nl000000,enrolled\n'
const courseCsv = 'course_id,student_key,status\n{external},l000000,active\n'
const kinds = ['enrollments/upload', 'course_enrollments/upload']

const upload = (tail: string, content: string, program = '{masters}', as: 'writer' | 'owner' = 'writer') => ({
  method: 'POST',
  path: `/api/v1/programs/${program}/${tail}`,
  as,
  body: formOf(content.replace('{external}', scene.names.external ?? '')),
})

/** Lets go of the lock. */
async function cancel(accepted: unknown, as: 'writer' | 'owner'): Promise<void> {
  const { job_id: id, job_url: url } = accepted as Record<string, string>
  await ask(scene, { method: 'POST', path: `/api/v1/jobs/${id}/cancel`, as })
  await followJob(url ?? '', await scene.cast.token(as))
}

/** Takes the lock with an upload that takes seconds, and lets go of it by canceling that. */
async function whileLocked(check: () => Promise<void>): Promise<void> {
  const accepted = await ask(
    scene,
    upload('enrollments/upload', manyRows('student_key,status', 'enrolled', 250_000)),
  )
  expect(accepted.status).toBe(202)
  try {
    await check()
    const { job_id: id } = accepted.body as { job_id: string }
    const { body } = await ask(scene, { path: `/api/v1/jobs/${id}`, as: 'writer' })
    expect(['Pending', 'In Progress', 'Retrying']).toContain((body as { state: string }).state)
  } finally {
    await cancel(accepted.body, 'writer')
  }
}

function manyRows(header: string, rest: string, count: number): string {
  return [header, ...Array.from({ length: count }, (_, number) => `x${number},${rest}`)].join('\n')
}

// Long enough to be still at work when the one that came with it is looked at.
const long = [
  manyRows('student_key,status', 'enrolled', 100_000),
  manyRows('student_key,status,course_id', 'active,{external}', 100_000),
]

describe('two uploads at the same instant', () => {
  test.each([
    [0, 0],
    [0, 1],
    [1, 1],
  ])('of kinds %i and %i: one is 202, the other is 409', async (one, other) => {
    for (let round = 0; round < 4; round++) {
      const answers = await Promise.all(
        [one, other].map((kind, at) =>
          ask(scene, upload(kinds[kind] ?? '', long[kind] ?? '', '{masters}', at === 0 ? 'writer' : 'owner')),
        ),
      )
      for (const [at, { status, body }] of answers.entries()) {
        if (status === 202) await cancel(body, at === 0 ? 'writer' : 'owner')
      }
      expect(answers.map(({ status }) => status).sort()).toEqual([202, 409])
      for (const { text } of answers.filter(({ status }) => status === 409)) expect(text).toBe(locked)
    }
  })
})

test('while an upload runs, others to its program wait and nothing else does', async () => {
  await whileLocked(async () => {
    const is409 = async (request: Parameters<typeof ask>[1]) => {
      const { status, text } = await ask(scene, request)
      expect([status, text]).toEqual([409, locked])
    }
    // Whoever, whatever, in whichever version; a file that breaks a rule too.
    await is409(upload('enrollments/upload', csv))
    await is409(upload('enrollments/upload', csv, '{masters}', 'owner'))
    await is409(upload('course_enrollments/upload', courseCsv))
    await is409(upload('course_enrollments/upload', 'nonsense'))
    await is409({
      ...upload('enrollments/upload', csv),
      path: '/api/v2/programs/{masters}/enrollments/upload/',
    })

    // What goes before the lock.
    const early = async (request: Parameters<typeof ask>[1], status: number) => {
      expect((await ask(scene, request)).status).toBe(status)
    }
    await early({ ...upload('enrollments/upload', csv), body: new FormData() }, 400)
    await early(upload('enrollments/upload', csv.padEnd(5_242_881, '\n')), 413)
    await early({ ...upload('enrollments/upload', csv), as: 'reader' }, 403)
    await early({ ...upload('enrollments/upload', csv), body: [] }, 415)

    // Writes of up to 25, reads, and other programs.
    const write = { method: 'PATCH', path: '/api/v1/programs/{masters}/enrollments', as: 'writer' as const }
    await early({ ...write, body: [{ student_key: 'l000001', status: 'ended' }] }, 200)
    await early({ ...write, method: 'POST', body: [{ student_key: 'l-new', status: 'enrolled' }] }, 200)
    expect(
      (await runJob(scene, { path: '/api/v1/programs/{masters}/course_enrollments', as: 'reader' })).job
        .state,
    ).toBe('Succeeded')
    expect((await runJob(scene, upload('enrollments/upload', csv, '{longer}'))).job.state).toBe('Succeeded')
  })
})

test('a read that runs blocks no upload', async () => {
  const read = await ask(scene, { path: '/api/v1/programs/{masters}/enrollments', as: 'reader' })
  const { job } = await runJob(scene, upload('enrollments/upload', csv))
  expect(job.state).toBe('Succeeded')
  await followAnswer(scene, read.body, 'reader')
})

test('the lock ends with its job: when it has succeeded, and when it was canceled', async () => {
  for (let round = 0; round < 3; round++)
    expect((await runJob(scene, upload('enrollments/upload', csv))).job.state).toBe('Succeeded')
  await whileLocked(async () => {})
  expect((await runJob(scene, upload('enrollments/upload', csv))).job.state).toBe('Succeeded')
})

test('a job whose program was refused for its file takes no lock', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => ask(scene, upload('enrollments/upload', 'nonsense'))))
  expect(answers.map(({ status }) => status)).toEqual([400, 400, 400])
  expect(
    (await callRest(`${scene.names.gateway}/api/v1/jobs`, { token: await scene.cast.token('writer') })).body,
  ).toEqual([])
})
