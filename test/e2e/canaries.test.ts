import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStack } from '#stack/stack.ts'
import { type EdxProgram, type EdxStack, startEdxStack } from '../edx/edx-stack.ts'
import { type CanaryScene, finish, restDoors } from '../fixtures/canary-doors.ts'
import { edxDoors } from '../fixtures/canary-edx-doors.ts'
import { rpcDoors } from '../fixtures/canary-rpc-doors.ts'
import { findIn, gatherSinks, type Sinks, talkativeSettings, type Watched } from '../fixtures/canary-sinks.ts'
import { callRest } from '../fixtures/rest.ts'
import { createSchool } from '../fixtures/school.ts'
import { addressesOf, freeEnvironment } from '../fixtures/stack.ts'
import { startTraceCollector } from '../fixtures/trace-collector.ts'
import { connectWorld } from '../fixtures/world.ts'

// What is personal or secret goes in through every door; then all that the processes gave off is looked through. Each text tells the
// door that it came in by.

const mark = `kanarie${randomBytes(4).toString('hex')}`
const canaryOf = (door: string) => `${mark}-${door.replaceAll(/\W+/g, '-')}`
const collectorKey = `collector-key-${randomBytes(4).toString('hex')}`

const callerDoors = { ...restDoors, ...rpcDoors }

type Running = {
  scene: CanaryScene
  watched: Watched
  secrets: Record<string, string>
  close(): Promise<void>
}

/** A system whose LMS and Discovery are played, and what goes in from there. */
async function startWithEdx(): Promise<Running & { system: EdxStack; program: EdxProgram }> {
  const collector = await startTraceCollector()
  const { settings, metricsPorts } = await talkativeSettings(collector)
  const system = await startEdxStack({ ...settings, OTEL_EXPORTER_OTLP_HEADERS: `x-key=${collectorKey}` })
  const { programs, token } = await system.makeSchool(1)
  const program = programs[0] as EdxProgram
  const scene = {
    world: system.world,
    token,
    programKey: program.key,
    courseId: program.withExternalKey.externalKey,
  }
  return {
    ...{ system, program, scene },
    watched: { stack: system.stack, lines: system.lines, collector, metricsPorts },
    secrets: { "the client's secret": system.edx.settings.BACKEND_SERVICE_EDX_OAUTH2_SECRET as string },
    async close() {
      await system.close()
      await collector.close()
    },
  }
}

/** A system with tables of its own, whose histories are encrypted. */
async function startByItself(): Promise<Running> {
  const collector = await startTraceCollector()
  const { settings, metricsPorts } = await talkativeSettings(collector)
  const codecKey = randomBytes(32).toString('base64')
  const lines: string[] = []
  const env = await freeEnvironment({
    ...settings,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${collectorKey}`,
    TEMPORAL_CODEC_KEY: `canary:${codecKey}`,
  })
  const output = (name: string, line: string) => void lines.push(`${name} | ${line}`)
  const stack = await startStack({ env, log: () => {}, output })
  const world = await connectWorld(addressesOf(stack))
  const school = await createSchool(world)
  const scene = {
    world,
    token: await school.partner('organization_read_write_enrollments'),
    programKey: school.masters.key,
    courseId: school.masters.withExternalKey.externalKey,
  }
  return {
    scene,
    watched: { stack, lines, collector, metricsPorts },
    secrets: { "the codec's key": codecKey },
    async close() {
      await stack.stop()
      await collector.close()
      await rm(stack.settings.dataDir, { recursive: true, force: true })
    },
  }
}

function secretsOf({ scene, watched, secrets }: Running): Record<string, string> {
  const { keys } = watched.stack
  return {
    ...secrets,
    "the partner's token": scene.token.split('.')[2] as string,
    "the database's password": keys.postgresPassword,
    'the secret of result links': keys.linkSecret,
    'the key of service tokens': keys.servicePrivateJwk.d as string,
    "the collector's key": collectorKey,
  }
}

/** What is in the sinks that must be there, or the search would find nothing wherever it looked. */
function expectReadable(sinks: Sinks, { programKey }: CanaryScene, jobId: string): void {
  const sinksWith = (text: string) => Object.keys(sinks).filter((name) => sinks[name]?.includes(text))
  expect(sinksWith('registrar.jobs.v1.JobsService/CreateReadJob')).toEqual(
    expect.arrayContaining(['log of jobs', 'traces']),
  )
  for (const name of ['access-control', 'catalog', 'enrollment', 'jobs']) {
    expect(sinksWith('"msg":"rpc"')).toContain(`log of ${name}`)
    expect(sinksWith('"msg":"sql"')).toContain(`log of ${name}`)
  }
  expect(sinksWith(`"program":"${programKey}"`)).toEqual(
    expect.arrayContaining(['log of gateway', 'log of catalog', 'log of enrollment', 'log of jobs']),
  )
  expect(sinksWith('nodejs_eventloop_lag')).toHaveLength(6)
  expect(sinksWith(programKey)).toEqual(
    expect.arrayContaining(['visibility of Temporal', 'descriptions of Temporal']),
  )
  expect(sinksWith(jobId)).toEqual(
    expect.arrayContaining([
      'histories of Temporal',
      'names in the data folder',
      'traces',
      'log of enrollment',
    ]),
  )
}

async function lookThrough(running: Running): Promise<void> {
  const { scene, watched } = running
  const url = `${scene.world.addresses.gateway}/api/v1/programs/${scene.programKey}/enrollments`
  const { job } = await finish(scene, await callRest(url, { token: scene.token }))
  const signature = new URL(job.result ?? '').searchParams.get('signature') as string
  const sinks = await gatherSinks(watched)
  expectReadable(sinks, scene, job.job_id)
  expect(findIn(sinks, mark)).toEqual([])
  for (const [name, secret] of Object.entries({ ...secretsOf(running), 'a signature': signature })) {
    expect(findIn(sinks, secret), name).toEqual([])
  }
  expect(findIn(sinks, /eyJ[\w-]{8,}\.eyJ[\w-]+/g)).toEqual([])
}

describe('beside an LMS and a Discovery', () => {
  let running: Awaited<ReturnType<typeof startWithEdx>>
  beforeAll(async () => {
    running = await startWithEdx()
  }, 240_000)
  afterAll(() => running?.close())

  test.each(Object.keys(callerDoors))('a canary goes in by %s', async (door) => {
    await callerDoors[door]?.(running.scene, canaryOf(door))
  })
  test.each(Object.keys(edxDoors))('a canary goes in by %s', async (door) => {
    await edxDoors[door]?.(running.scene, canaryOf(door), running)
  })
  test('nothing of them comes out', () => lookThrough(running), 180_000)
})

describe('with tables of its own and encrypted histories', () => {
  let running: Running
  beforeAll(async () => {
    running = await startByItself()
  }, 240_000)
  afterAll(() => running?.close())

  test.each(Object.keys(callerDoors))('a canary goes in by %s', async (door) => {
    await callerDoors[door]?.(running.scene, canaryOf(door))
  })
  test('nothing of them comes out', () => lookThrough(running), 180_000)
})
