import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeRpcConnections, createRpcClient } from '#kit/rpc-client.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { recordOf } from '#stack/running-process.ts'
import { followJob } from '../fixtures/rest.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import { isServed, startSteadyLoad, surprises } from '../fixtures/steady-load.ts'
import { startTwoOfEach, type Twin, type TwoOfEach } from '../fixtures/two-of-each.ts'
import { connectWorld } from '../fixtures/world.ts'

const delaySeconds = 2
const closeWithinMs = 10_000

let system: TwoOfEach
let school: School
let token: string
let learners: string[]
let uploads: string

beforeAll(async () => {
  system = await startTwoOfEach({ SHUTDOWN_DELAY: String(delaySeconds) })
  const world = await connectWorld(system.addresses)
  school = await createSchool(world)
  learners = await school.enroll(school.masters, 5_000)
  token = await school.partner('organization_read_write_enrollments')
  // A program of its own: an upload and a write of single rows may meet.
  uploads = `${school.key}-uploads`
  await world.operator.catalog.createProgram({ key: uploads, organizationKey: school.key, type: 'Masters' })
}, 600_000)

afterAll(async () => {
  closeRpcConnections()
  await system?.close()
}, 60_000)

/** Tells it to stop, and waits until it is gone and another is in its place. How long it took to end, in milliseconds. */
async function restart(twin: Twin): Promise<number> {
  const pid = twin.pid() as number
  const back = twin.back()
  const began = performance.now()
  twin.kill('SIGTERM')
  while (recordOf(pid) !== undefined) await sleep(20)
  const took = performance.now() - began
  await back
  return took
}

test('each process is restarted under load, one after the other, and not one request fails', async () => {
  const { gateway, catalog, enrollment, jobs } = system.addresses
  const load = startSteadyLoad({
    ...{ gateway, token, programKey: school.masters.key, learners, pauseMs: 100 },
    clients: {
      catalog: createRpcClient(CatalogService, catalog),
      enrollment: createRpcClient(EnrollmentService, enrollment),
      jobs: createRpcClient(JobsService, jobs),
    },
    upload: {
      programKey: uploads,
      csv: () => 'student_key,status\r\nlearner-1,enrolled\r\nlearner-2,pending\r\n',
    },
  })
  await sleep(2_000)
  const slow: string[] = []
  for (const twin of system.twins) {
    const took = await restart(twin)
    if (took > closeWithinMs + delaySeconds * 1_000) slow.push(`${twin.name}: ${Math.round(took)} ms`)
    await sleep(500)
  }
  await load.stop()

  expect(surprises(load.seen, isServed)).toEqual([])
  expect(slow).toEqual([])
  // Each said that it ended in order, and none ended besides.
  const ends = system.events.flatMap(
    (line) => /^(\S+) ended \((.*)\)/.exec(line)?.slice(1, 3).join(' ') ?? [],
  )
  expect(ends).toEqual(system.twins.map(({ name }) => `${name} exit code 0`))
  const asked = new Set(load.seen.map(({ what }) => what))
  expect([...asked].toSorted()).toEqual([
    ...['GET enrollments', 'GET job', 'GET program', 'GET programs', 'ListJobs', 'ListProgramEnrollments'],
    ...['ListPrograms', 'PATCH enrollments', 'POST upload'],
  ])
  for (const url of load.jobUrls) expect(await followJob(url, token)).toMatchObject({ state: 'Succeeded' })
}, 600_000)
