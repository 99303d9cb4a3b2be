import { beforeAll, describe, expect, test } from 'vitest'
import type { PartName } from '../fixtures/cast.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notFound, notPermitted, runCases } from './run-cases.ts'
import { runJob } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const program = '/api/v1/programs/{masters}'
const kinds = [
  { tail: 'enrollments', name: '{masters}:read:list_program_enrollments' },
  { tail: 'courses/{external}/enrollments', name: '{masters}:read:list_course_run_enrollments' },
  { tail: 'course_enrollments', name: '{masters}:read:list_all_course_run_enrollments' },
  { tail: 'courses/{run}/grades', name: 'get_course_run_grades' },
]

describe.each(kinds)('$tail', ({ tail, name }) => {
  test.each([
    ['v1', 'json'],
    ['v2', 'csv'],
  ])('is a job that succeeds, named by the contract (%s, %s)', async (version, fmt) => {
    const path = `/api/${version}/programs/{masters}/${tail}?fmt=${fmt}`
    const accepted = await ask(scene, { path, as: 'reader' })
    const { job_id: id, job_url: jobUrl } = accepted.body as Record<string, string>
    expect(accepted.text).toBe(`{"job_id":"${id}","job_url":"${jobUrl}"}`)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(jobUrl).toBe(`${scene.names.gateway}/api/${version}/jobs/${id}`)
    expect(accepted.headers.get('location')).toBe(jobUrl)

    // It can be asked about at once.
    expect((await ask(scene, { path: `/api/${version}/jobs/${id}`, as: 'reader' })).status).toBe(200)
    const { job, contentType, disposition } = await runJob(scene, { path, as: 'reader' })
    expect(job).toMatchObject({
      name: name.replace('{masters}', scene.school.masters.key),
      state: 'Succeeded',
      reason: null,
    })
    expect(job.text).toBe(tail.endsWith('grades') ? '204' : null)
    expect(contentType).toBe(fmt === 'csv' ? 'text/csv; charset=utf-8' : 'application/json')
    expect(disposition).toBe(`attachment; filename="${job.job_id}.${fmt}"`)
    expect(new URL(job.result ?? '').pathname).toBe(`/api/media/registrar/job-results/${job.job_id}.${fmt}`)
  })

  runCases(
    () => scene,
    inBothVersions([
      ...(
        ['reader', 'writer', 'owner', 'programReader', 'root', 'blindReader', 'everywhereByGroup'] as const
      ).map((as) => ({
        name: `${as} may`,
        path: `${program}/${tail}`,
        as,
        status: 202,
      })),
      ...(
        [
          'viewer',
          'reporter',
          'programViewer',
          'blindWriter',
          'stranger',
          'staff',
          'watcher',
          'everywhere',
        ] as const
      ).map((as) => ({
        name: `${as} may not`,
        path: `${program}/${tail}`,
        as,
        status: 403,
        json: notPermitted,
      })),
      ...(['reader', 'root', 'everywhereByGroup'] as const).map((as) => ({
        name: `${as} may not where the program is not Masters`,
        path: `/api/v1/programs/{micro}/${tail.replace(/\{(external|run)\}/, 'course-v1:{micro}+ONE+2026')}`,
        as,
        status: 403,
        json: notPermitted,
      })),
      { name: 'fmt=json is as none', path: `${program}/${tail}?fmt=json`, as: 'reader', status: 202 },
      ...['', 'JSON', 'CSV', 'xml', 'json%20', 'csv,json'].map(
        (fmt): Case => ({
          name: `fmt=${fmt} is 404`,
          path: `${program}/${tail}?fmt=${fmt}`,
          as: 'reader',
          status: 404,
          json: notFound,
        }),
      ),
      {
        name: 'fmt given twice is the last',
        path: `${program}/${tail}?fmt=x&fmt=csv`,
        as: 'reader',
        status: 202,
      },
      {
        name: 'fmt given twice is the last, also where that is none',
        path: `${program}/${tail}?fmt=csv&fmt=x`,
        as: 'reader',
        status: 404,
        json: notFound,
      },
    ]),
  )
})

describe('HEAD and OPTIONS', () => {
  const unfinished = async (as: PartName) => {
    const { body } = await ask(scene, { path: '/api/v1/jobs', as })
    return (body as unknown[]).length
  }

  test.each(kinds)('start no job at $tail', async ({ tail }) => {
    const as: PartName = 'programWriter'
    for (const method of ['HEAD', 'OPTIONS']) {
      for (const fmt of ['', '?fmt=csv']) {
        const { status, text } = await ask(scene, { method, path: `${program}/${tail}${fmt}`, as })
        expect(status).toBe(200)
        if (method === 'HEAD') expect(text).toBe('')
        expect(await unfinished(as)).toBe(0)
      }
    }
    const { jobs } = await scene.world.operator.jobs.listJobs({ pageSize: 1_000 })
    expect(jobs.filter(({ username }) => username === scene.cast.username(as))).toEqual([])
  })

  test.each(kinds)('HEAD needs what GET needs at $tail', async ({ tail }) => {
    for (const [as, status] of [
      ['stranger', 403],
      ['viewer', 403],
      ['reader', 200],
    ] as const) {
      expect((await ask(scene, { method: 'HEAD', path: `${program}/${tail}`, as })).status).toBe(status)
    }
    expect((await ask(scene, { method: 'HEAD', path: `${program}/${tail}` })).status).toBe(401)
    expect(
      (await ask(scene, { method: 'HEAD', path: `${program}/${tail}?fmt=x`, as: 'reader' })).status,
    ).toBe(404)
  })
})

describe('a program without course runs', () => {
  test.each([
    ['json', '[]'],
    ['csv', 'course_id,student_key,status,account_exists\r\n'],
  ])('has an empty result (%s)', async (fmt, expected) => {
    const key = `${scene.school.key}-empty-${fmt}`
    await scene.world.operator.catalog.createProgram({
      key,
      organizationKey: scene.school.key,
      type: 'Masters',
    })
    const { job, result } = await runJob(scene, {
      path: `/api/v1/programs/${key}/course_enrollments?fmt=${fmt}`,
      as: 'reader',
    })
    expect(job.state).toBe('Succeeded')
    if (fmt === 'csv') expect(result).toBe(expected)
    else expect(JSON.parse(result)).toEqual([])
  })
})
