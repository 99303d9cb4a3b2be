import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { JobKind, JobState, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const { listJobs, getJob, cancelJob, purgeJobs } = JobsService.method
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => services.reset())
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> => runRegistrar(args, services.env)
const requests = () => services.calls.map(({ request }) => request)
const createTime = { seconds: 1_700_000_000n }
const job = (id: string) => ({
  id,
  name: 'P:read:list_program_enrollments',
  kind: JobKind.LIST_PROGRAM_ENROLLMENTS,
  state: JobState.IN_PROGRESS,
  username: 'maria',
  programKey: 'P',
  organizationKey: 'O',
  format: ResultFormat.CSV,
  attempt: 2,
  createTime,
  updateTime: createTime,
})

describe('jobs list', () => {
  test("shows everybody's jobs", async () => {
    services.answer(listJobs, () => ({ jobs: [job('j1'), { ...job('j2'), state: JobState.FAILED }] }))

    expect(await run('jobs', 'list')).toEqual({
      exitCode: 0,
      stdout: [
        'ID  STATE        PROGRAM  USER   CREATED                   NAME',
        'j1  In Progress  P        maria  2023-11-14T22:13:20.000Z  P:read:list_program_enrollments',
        'j2  Failed       P        maria  2023-11-14T22:13:20.000Z  P:read:list_program_enrollments',
        '',
      ].join('\n'),
      stderr: '',
    })
    expect(requests()).toEqual([{ allOwners: true, pageSize: 100 }])
  })

  test('passes on what to look for', async () => {
    services.answer(listJobs, () => ({}))
    const { stdout } = await run(
      'jobs',
      'list',
      '--state',
      'in-progress',
      'failed',
      '--program',
      'P',
      '--json',
    )

    expect(requests()).toEqual([
      {
        states: ['JOB_STATE_IN_PROGRESS', 'JOB_STATE_FAILED'],
        programKey: 'P',
        allOwners: true,
        pageSize: 100,
      },
    ])
    expect(JSON.parse(stdout)).toEqual([])
  })

  test('reads pages until the limit', async () => {
    services.answer(listJobs, ({ pageSize, pageToken }) => ({
      jobs: Array.from({ length: pageSize }, (_, index) => job(`${pageToken}${index}`)),
      nextPageToken: `${pageToken}+`,
    }))
    const { stdout } = await run('jobs', 'list', '--limit', '1500', '--json')

    expect(JSON.parse(stdout)).toHaveLength(1500)
    expect(requests()).toEqual([
      { allOwners: true, pageSize: 1000 },
      { allOwners: true, pageSize: 500, pageToken: '+' },
    ])
  })

  test.each([[['--limit', '0']], [['--limit', 'all']], [['--state', 'done']]])(
    'refuses %j',
    async (options) => {
      expect((await run('jobs', 'list', ...options)).exitCode).toBe(2)
      expect(services.calls).toEqual([])
    },
  )
})

describe('jobs show', () => {
  test('tells a person all about a job that runs', async () => {
    services.answer(getJob, ({ id }) => ({
      job: { ...job(id), progress: { rowsDone: 2_000n, rowsTotal: 10_000n }, attempt: 1 },
    }))

    expect((await run('jobs', 'show', 'j1')).stdout).toBe(
      [
        'id            j1',
        'name          P:read:list_program_enrollments',
        'state         In Progress',
        'user          maria',
        'organization  O',
        'program       P',
        'format        csv',
        'attempt       1',
        'rows          2000 of 10000',
        'created       2023-11-14T22:13:20.000Z',
        'updated       2023-11-14T22:13:20.000Z',
        '',
      ].join('\n'),
    )
    expect(requests()).toEqual([{ id: 'j1' }])
  })

  test('tells why a job failed', async () => {
    const failure = { reason: 'TIME_LIMIT', message: 'The job took too long.' }
    services.answer(getJob, ({ id }) => ({ job: { ...job(id), state: JobState.FAILED, failure } }))

    expect((await run('jobs', 'show', 'j1')).stdout).toMatch(
      /^failure +TIME_LIMIT: The job took too long\.$/m,
    )
  })

  test('tells where the result of a job is, to programs too', async () => {
    const done = { state: JobState.SUCCEEDED, resultUrl: 'http://127.0.0.1/result', text: '200' }
    services.answer(getJob, ({ id }) => ({ job: { ...job(id), ...done, progress: { rowsDone: 3n } } }))

    const { stdout } = await run('jobs', 'show', 'j1')
    expect(stdout).toMatch(/^result +http:\/\/127\.0\.0\.1\/result$/m)
    expect(stdout).toMatch(/^rows +3$/m)
    expect(JSON.parse((await run('jobs', 'show', 'j1', '--json')).stdout)).toMatchObject({
      id: 'j1',
      state: 'JOB_STATE_SUCCEEDED',
      result_url: 'http://127.0.0.1/result',
      text: '200',
      progress: { rows_done: '3' },
    })
  })
})

describe('jobs cancel', () => {
  test('asks a job to stop', async () => {
    services.answer(cancelJob, ({ id }) => ({ job: job(id) }))

    expect(await run('jobs', 'cancel', 'j1')).toEqual({
      exitCode: 0,
      stdout: 'Job j1 was asked to stop.\n',
      stderr: '',
    })
    expect(requests()).toEqual([{ id: 'j1' }])
  })

  test('is refused when the job has ended', async () => {
    services.answer(cancelJob, () => {
      throw new DomainError(Reason.JOB_ENDED, 'the job has ended already')
    })

    expect(await run('jobs', 'cancel', 'j1')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'The job has ended already\n',
    })
  })
})

describe('jobs purge', () => {
  test.each([
    [0, '0 jobs were removed.\n'],
    [1, '1 job was removed.\n'],
    [12, '12 jobs were removed.\n'],
  ])('tells how many: %i', async (purged, stdout) => {
    services.answer(purgeJobs, () => ({ purged }))

    expect(await run('jobs', 'purge', '--older-than', '30d')).toEqual({ exitCode: 0, stdout, stderr: '' })
    expect(requests()).toEqual([{ olderThan: '2592000s' }])
  })

  test('tells programs', async () => {
    services.answer(purgeJobs, () => ({ purged: 2 }))
    const { stdout } = await run('jobs', 'purge', '--older-than', '1h', '--json')

    expect(JSON.parse(stdout)).toEqual({ purged: 2 })
  })

  test.each([[[]], [['--older-than', 'a while']]])('refuses %j', async (options) => {
    expect((await run('jobs', 'purge', ...options)).exitCode).toBe(2)
    expect(services.calls).toEqual([])
  })
})
