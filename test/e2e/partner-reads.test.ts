import { beforeAll, describe, expect, test } from 'vitest'
import { callRest, followJob, readByJob } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'

const LEARNERS = 10_000

let school: School
let token: string
let base: string

beforeAll(async () => {
  const world = await runningWorld()
  school = await createSchool(world)
  await school.enroll(school.masters, LEARNERS)
  token = await school.partner('organization_read_enrollments')
  base = `${world.addresses.gateway}/api/v1/programs`
})

describe.each(['v1', 'v2'])('a partner reads a program with 10,000 learners by %s', (version) => {
  const url = () => `${base.replace('/v1/', `/${version}/`)}/${school.masters.key}/enrollments`

  test('as JSON: every learner once, in the order in which they were enrolled', async () => {
    const rows = JSON.parse(await readByJob(`${url()}?fmt=json`, token))

    expect(rows).toHaveLength(LEARNERS)
    expect(rows[0]).toEqual({ account_exists: false, status: 'enrolled', student_key: 'learner-000000' })
    expect(Object.keys(rows[0])).toEqual(['account_exists', 'status', 'student_key'])
    expect(rows.map((row: { student_key: string }) => row.student_key)).toEqual(
      Array.from({ length: LEARNERS }, (_, index) => `learner-${String(index).padStart(6, '0')}`),
    )
  })

  test('as CSV: a header row, then every learner once, with CRLF', async () => {
    const lines = (await readByJob(`${url()}?fmt=csv`, token)).split('\r\n')

    expect(lines[0]).toBe('student_key,status,account_exists')
    expect(lines[1]).toBe('learner-000000,enrolled,False')
    expect(lines).toHaveLength(LEARNERS + 2)
    expect(lines.at(-1)).toBe('')
    expect(new Set(lines).size).toBe(LEARNERS + 2)
  })

  test('the job’s name, links and headers are those that integrations know', async () => {
    const accepted = await callRest(url(), { token })
    const { job_id: id, job_url: jobUrl } = accepted.body as { job_id: string; job_url: string }

    expect(accepted.status).toBe(202)
    expect(Object.keys(accepted.body as object)).toEqual(['job_id', 'job_url'])
    expect(jobUrl.endsWith(`/api/${version}/jobs/${id}`)).toBe(true)
    expect(accepted.headers.get('location')).toBe(jobUrl)

    const job = await followJob(jobUrl, token)
    expect(job).toMatchObject({
      job_id: id,
      name: `${school.masters.key}:read:list_program_enrollments`,
      state: 'Succeeded',
      text: null,
    })
    expect(job.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)

    const download = await fetch(job.result ?? '')
    expect(download.headers.get('content-disposition')).toContain(`filename="${id}.json"`)
    expect(download.headers.get('content-type')).toContain('application/json')
    await download.body?.cancel()
  })
})

test('a link that was changed or has expired opens nothing', async () => {
  const accepted = await callRest(`${base}/${school.masters.key}/enrollments?fmt=csv`, { token })
  const job = await followJob((accepted.body as { job_url: string }).job_url, token)
  const link = new URL(job.result ?? '')

  for (const [name, value] of [
    ['expires', '1'],
    ['expires', String(Number(link.searchParams.get('expires')) + 1)],
    ['signature', 'x'],
  ] as const) {
    const changed = new URL(link)
    changed.searchParams.set(name, value)
    expect((await callRest(changed.href)).status).toBe(404)
  }
  link.search = ''
  expect((await callRest(link.href)).status).toBe(404)
})

test('only the owner, a holder of job_global_read and a superuser see a job', async () => {
  const world = await runningWorld()
  const accepted = await callRest(`${base}/${school.masters.key}/enrollments`, { token })
  const { job_url: jobUrl } = accepted.body as { job_url: string }
  const colleague = await school.partner('organization_read_enrollments')
  await world.operator.accessControl.createUser({ username: `root-${school.key}`, superuser: true })

  expect((await callRest(jobUrl, { token })).status).toBe(200)
  expect((await callRest(jobUrl, { token: colleague })).status).toBe(403)
  expect((await callRest(jobUrl, { token: await world.token(`root-${school.key}`) })).status).toBe(200)
  await followJob(jobUrl, token)
})
