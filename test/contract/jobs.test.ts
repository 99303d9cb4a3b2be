import { beforeAll, describe, expect, test } from 'vitest'
import type { PartName } from '../fixtures/cast.ts'
import { callRest, followJob, type JobStatus } from '../fixtures/rest.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notAllowed, notFound, notPermitted, runCases } from './run-cases.ts'
import { formOf, runJob } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  await scene.school.enroll(scene.school.masters, 3, 'l')
  const { job } = await runJob(scene, { path: '/api/v1/programs/{masters}/enrollments', as: 'reader' })
  scene.names = { ...scene.names, ended: job.job_id }
})

const listJobs = async (as: PartName) => {
  const { body } = await ask(scene, { path: '/api/v1/jobs', as })
  return body as JobStatus[]
}
const read = async (id: string, as: PartName) => {
  const { body } = await ask(scene, { path: `/api/v1/jobs/${id}`, as })
  return body as JobStatus
}
const cancel = (id: string, as: PartName) =>
  ask(scene, { method: 'POST', path: `/api/v1/jobs/${id}/cancel`, as })

/** A job of the writer’s that takes seconds; it is canceled in the end. */
async function whileRunning(check: (id: string) => Promise<void>): Promise<void> {
  const rows = Array.from({ length: 250_000 }, (_, number) => `x${number},enrolled`)
  const { body } = await ask(scene, {
    method: 'POST',
    path: '/api/v1/programs/{masters}/enrollments/upload',
    as: 'writer',
    body: formOf(['student_key,status', ...rows].join('\n')),
  })
  const { job_id: id, job_url: url } = body as Record<string, string>
  try {
    await check(id as string)
  } finally {
    await cancel(id as string, 'writer')
    await followJob(url as string, await scene.cast.token('writer'))
  }
}

describe('a job that has ended', () => {
  test.each(['v1', 'v2'])('has its fields in the contract’s order (%s)', async (version) => {
    const { text, body } = await ask(scene, { path: `/api/${version}/jobs/{ended}`, as: 'reader' })
    const job = body as JobStatus
    expect(Object.keys(JSON.parse(text)).slice(0, 6)).toEqual([
      'job_id',
      'name',
      'created',
      'state',
      'result',
      'text',
    ])
    expect(job).toEqual({
      job_id: scene.names.ended,
      name: `${scene.school.masters.key}:read:list_program_enrollments`,
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      state: 'Succeeded',
      result: expect.stringContaining(
        `${scene.names.gateway}/api/media/registrar/job-results/${scene.names.ended}.json?`,
      ),
      text: null,
      reason: null,
      progress: { rows_done: 3, rows_total: expect.toSatisfy((total) => total === null || total === 3) },
    })
    expect(Math.abs(Date.now() - Date.parse(job.created))).toBeLessThan(600_000)
  })

  test('is in nobody’s list', async () => {
    for (const as of ['reader', 'watcher', 'root'] as const) {
      expect((await listJobs(as)).map((job) => job.job_id)).not.toContain(scene.names.ended)
    }
  })

  test('has a link that is made when it is asked for, and opens without a login', async () => {
    const links = new Set<string>()
    for (let attempt = 0; attempt < 50 && links.size < 2; attempt++) {
      links.add((await read(scene.names.ended ?? '', 'reader')).result ?? '')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(links.size).toBe(2)
    for (const link of links) {
      expect((await callRest(link)).status).toBe(200)
      const expires = Number(new URL(link).searchParams.get('expires'))
      expect(expires - Date.now() / 1000).toBeGreaterThan(3_000)
      expect(expires - Date.now() / 1000).toBeLessThanOrEqual(3_601)
    }
  })

  test('has a link that opens nothing else, and nothing when it is changed', async () => {
    const link = (await read(scene.names.ended ?? '', 'reader')).result ?? ''
    const uploads = link.replace('job-results', 'uploads')
    const other = link.replace(scene.names.ended ?? '', '3b985cec-dcf4-4d38-9498-8545ebcf5d0f')
    const bucket = link.replace('/registrar/', '/program-reports/')
    const [bare = '', query = ''] = link.split('?')
    for (const url of [
      uploads,
      other,
      bucket,
      bare,
      `${bare}?${query.replace('signature=', 'signature=A')}`,
      `${link}0`,
    ]) {
      const { status } = await callRest(url, { token: await scene.cast.token('root') })
      expect([url, status]).toEqual([url, 404])
    }
    expect((await callRest(link, { method: 'POST' })).status).toBe(404)
    const head = await callRest(link, { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
  })
})

describe('who sees it', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...(['reader', 'root', 'watcher'] as const).map((as) => ({
        name: `${as} does`,
        path: '/api/v1/jobs/{ended}',
        as,
        status: 200,
      })),
      ...(
        ['writer', 'owner', 'programReader', 'registrar', 'stranger', 'staff', 'everywhereByGroup'] as const
      ).map((as) => ({
        name: `${as} does not`,
        path: '/api/v1/jobs/{ended}',
        as,
        status: 403,
        json: notPermitted,
      })),
      {
        name: 'nobody else learns of one that is not there',
        path: '/api/v1/jobs/ffff',
        as: 'stranger',
        status: 404,
        json: notFound,
      },
      ...['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'].flatMap((method): Case[] => [
        {
          name: `${method} is not allowed`,
          method,
          path: '/api/v1/jobs/{ended}',
          as: 'reader',
          status: 405,
          json: notAllowed(method),
        },
        {
          name: `${method} is 403 for others`,
          method,
          path: '/api/v1/jobs/{ended}',
          as: 'writer',
          status: 403,
          json: notPermitted,
        },
        {
          name: `${method} is 404 for one that is not there`,
          method,
          path: '/api/v1/jobs/ffff',
          as: 'writer',
          status: 404,
          json: notFound,
        },
      ]),
      ...['HEAD', 'OPTIONS'].flatMap((method): Case[] => [
        { name: `${method} is served`, method, path: '/api/v1/jobs/{ended}', as: 'reader', status: 200 },
        {
          name: `${method} is 403 for others`,
          method,
          path: '/api/v1/jobs/{ended}',
          as: 'writer',
          status: 403,
        },
      ]),
    ]),
  ))

describe('the list', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...(['stranger', 'root', 'watcher', 'staff'] as const).map((as) => ({
        name: `is ${as}’s own alone, and empty`,
        path: '/api/v1/jobs',
        as,
        status: 200,
        text: '[]',
      })),
    ]),
  ))

test('a job that runs is in its owner’s list alone, until it is canceled', async () => {
  await whileRunning(async (id) => {
    const [listed] = await listJobs('writer')
    expect(listed).toMatchObject({
      job_id: id,
      name: `${scene.school.masters.key}:write:write_program_enrollments`,
      result: null,
    })
    expect(['Pending', 'In Progress', 'Retrying']).toContain(listed?.state)
    for (const as of ['owner', 'reader', 'watcher', 'root', 'staff'] as const)
      expect(await listJobs(as)).toEqual([])

    const refused: [PartName, number, unknown][] = [
      ['owner', 403, notPermitted],
      ['stranger', 403, notPermitted],
      ['staff', 403, notPermitted],
      ['watcher', 403, notPermitted],
    ]
    for (const [as, status, body] of refused) {
      const answer = await cancel(id, as)
      expect([answer.status, answer.body]).toEqual([status, body])
    }
    expect((await ask(scene, { method: 'POST', path: `/api/v1/jobs/${id}/cancel` })).status).toBe(401)
    expect(['Pending', 'In Progress']).toContain((await read(id, 'watcher')).state)

    const canceled = await cancel(id, 'writer')
    expect([canceled.status, (canceled.body as JobStatus).job_id]).toEqual([200, id])
    await expect
      .poll(() => read(id, 'writer').then(({ state }) => state), { timeout: 15_000 })
      .toBe('Canceled')
    expect(await read(id, 'writer')).toMatchObject({ state: 'Canceled', result: null })
    expect(await listJobs('writer')).toEqual([])
    const again = await cancel(id, 'writer')
    expect([again.status, again.body]).toEqual([409, { detail: 'The job has ended already.' }])
  })
})

test('a superuser cancels anybody’s job', async () => {
  await whileRunning(async (id) => {
    expect((await cancel(id, 'root')).status).toBe(200)
    await expect
      .poll(() => read(id, 'writer').then(({ state }) => state), { timeout: 15_000 })
      .toBe('Canceled')
  })
})

describe('cancel', () =>
  runCases(
    () => scene,
    inBothVersions([
      {
        name: 'is 409 for a job that has ended',
        method: 'POST',
        path: '/api/v1/jobs/{ended}/cancel',
        as: 'reader',
        status: 409,
        json: { detail: 'The job has ended already.' },
      },
      {
        name: 'takes any body',
        method: 'POST',
        path: '/api/v1/jobs/{ended}/cancel/',
        as: 'reader',
        body: '{',
        status: 409,
      },
      {
        name: 'is 403 for others',
        method: 'POST',
        path: '/api/v1/jobs/{ended}/cancel',
        as: 'owner',
        status: 403,
        json: notPermitted,
      },
      {
        name: 'is 404 where there is no job',
        method: 'POST',
        path: '/api/v1/jobs/ffff/cancel',
        as: 'root',
        status: 404,
        json: notFound,
      },
      { name: 'is 401 for nobody', method: 'POST', path: '/api/v1/jobs/{ended}/cancel', status: 401 },
      ...['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD'].map((method) => ({
        name: `is POST alone, not ${method}`,
        method,
        path: '/api/v1/jobs/{ended}/cancel',
        as: 'reader' as const,
        status: 405,
        json: notAllowed(method),
        answers: { allow: 'POST, OPTIONS' },
      })),
    ]),
  ))
