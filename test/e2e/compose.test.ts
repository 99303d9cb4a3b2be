import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JWK } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { settingPrefixOf } from '#kit/settings.ts'
import { findFreePorts } from '#stack/ports.ts'
import { type ProcessSpec, Run } from '#stack/process-run.ts'
import { startSeaweedfs, type TestS3 } from '#stack/seaweedfs.ts'
import { type Stack, startStack } from '#stack/stack.ts'
import { type SupervisedProcess, supervise } from '#stack/supervise.ts'
import { type ComposeService, makeEnv, readCompose } from '../fixtures/compose.ts'
import { callRest, readByJob } from '../fixtures/rest.ts'
import { createSchool } from '../fixtures/school.ts'
import { freeEnvironment } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'

// Our processes as docker-compose.yml starts them, with NODE_ENV=production and the settings that it gives them. PostgreSQL, Temporal and S3
// are the tests' own; what stands for containers' names and ports is put right, and nothing else.

const root = fileURLToPath(new URL('../../', import.meta.url))
const listeners = ['access-control', 'catalog', 'enrollment', 'jobs', 'gateway'] as const
const programs = [...listeners.slice(0, 4), 'jobs-worker', 'gateway'] as const
const issuer = 'https://lms.example.com/oauth2'

let folder: string
let stack: Stack
let s3: TestS3
let variables: Record<string, string>
let jwtKey: JWK
const running: SupervisedProcess[] = []
const printed: string[] = []
const reports = { log() {}, output: (name: string, line: string) => void printed.push(`${name} | ${line}`) }
const ports = new Map<string, number>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-compose-'))
  const env = await freeEnvironment({ TEMPORAL_NAMESPACE: 'registrar' })
  stack = await startStack({ env, log() {}, only: ['postgres', 'temporal'] })
  s3 = await startSeaweedfs(join(folder, 's3'))
  const free = await findFreePorts(listeners.length + programs.length)
  for (const name of listeners) ports.set(name, free.pop() as number)
  for (const name of programs) ports.set(`metrics of ${name}`, free.pop() as number)

  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  jwtKey = { ...(privateKey.export({ format: 'jwk' }) as JWK), kid: 'lms' }
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'lms', alg: 'RS256', use: 'sig' }]
  variables = {
    ...makeEnv(),
    JWT_ISSUER: issuer,
    JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify({ keys }),
    API_ROOT: `http://127.0.0.1:${ports.get('gateway')}/api`,
    S3_PUBLIC_URL: s3.endpoint,
    S3_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    S3_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    LOG_LEVEL: 'warn',
  }
  // As the Dockerfile does.
  execFileSync(process.execPath, ['deploy/bundle-workflows.ts', join(folder, 'data')], { cwd: root })
}, 120_000)

afterAll(async () => {
  for (const process of running.reverse()) await process.stop()
  await s3?.stop()
  await stack?.stop()
  for (const path of [folder, stack?.settings.dataDir]) await rm(path, { recursive: true, force: true })
})

/** What a container's process is told, on this machine. */
function localise(name: string, text: string): string {
  return text
    .replace(/^postgresql:.*@postgres:5432\/registrar$/, stack.env.DATABASE_URL as string)
    .replace(/^temporal-frontend:7233$/, `127.0.0.1:${stack.settings.temporalPort}`)
    .replace('http://s3:8333', s3.endpoint)
    .replace(
      /^http:\/\/(access-control|catalog|enrollment|jobs):\d+$/,
      (_, host) => `http://127.0.0.1:${ports.get(host)}`,
    )
    .replace('127.0.0.1:9464', `127.0.0.1:${ports.get(`metrics of ${name}`)}`)
    .replace(/^0\.0\.0\.0$/, '127.0.0.1')
}

function specOf(
  name: string,
  { command = [], entrypoint = [], environment = {} }: ComposeService,
  args?: string[],
): ProcessSpec {
  const [, ...words] = [...entrypoint, ...(args ?? command)].map((word) => localise(name, word))
  const given = Object.entries(environment).map(([setting, value]) => [setting, localise(name, value)])
  const port = ports.get(name)
  return {
    ...{ name, command: process.execPath, args: words, cwd: root },
    env: {
      ...Object.fromEntries(given),
      ...(environment.METRICS_PORT && { METRICS_PORT: String(ports.get(`metrics of ${name}`)) }),
      ...(port && { [`${settingPrefixOf(name)}_PORT`]: String(port) }),
      // What the image says.
      REGISTRAR_DATA_DIR: join(folder, 'data'),
    },
    sendsReady: true,
    readyWithin: 60_000,
  }
}

/** The health check of the file, run as Docker runs it. */
function checkHealth(name: string, { healthcheck }: ComposeService): string {
  const [kind, program = '', ...args] = healthcheck?.test ?? []
  expect([kind, program]).toEqual(['CMD', 'node'])
  return execFileSync(
    process.execPath,
    args.map((each) => localise(name, each)),
    { cwd: root, encoding: 'utf8' },
  )
}

test('in production, with what docker-compose.yml gives them, all get ready and serve a partner', async () => {
  const { services } = readCompose(variables)
  const service = (name: string) => services[name] as ComposeService
  for (const name of ['migrations', 'buckets']) {
    await new Run({ ...specOf(name, service(name)), sendsReady: false }, reports).untilDone()
  }
  for (const name of programs) running.push(await supervise(specOf(name, service(name)), reports))
  for (const name of programs) checkHealth(name, service(name))

  const url = (name: string) => `http://127.0.0.1:${ports.get(name)}`
  const addresses = {
    ...{ gateway: url('gateway'), accessControl: url('access-control'), catalog: url('catalog') },
    ...{ enrollment: url('enrollment'), jobs: url('jobs'), dataDir: folder },
  }
  const servicePrivateJwk = JSON.parse(variables.SERVICE_PRIVATE_KEY as string) as JWK
  const world = await connectWorld(addresses, undefined, { servicePrivateJwk, jwtPrivateJwk: jwtKey })
  const school = await createSchool({ ...world, token: (username) => world.token(username, { iss: issuer }) })
  await school.enroll(school.masters, 100)
  const token = await school.partner('organization_read_enrollments')

  const programsUrl = `${addresses.gateway}/api/v1/programs`
  const { status, body } = await callRest(programsUrl, { token })
  expect([status, (body as unknown[]).length]).toEqual([200, 2])
  const csv = await readByJob(`${programsUrl}/${school.masters.key}/enrollments?fmt=csv`, token)
  expect(csv.trimEnd().split('\r\n')).toHaveLength(101)

  const told = specOf('registrar', service('registrar'), ['jobs', 'list', '--limit', '5'])
  const listed = execFileSync(told.command, told.args, { cwd: root, env: told.env, encoding: 'utf8' })
  expect(listed).toContain(`${school.masters.key}:read:list_program_enrollments`)
  expect(printed.filter((line) => line.includes('"level":'))).toEqual([])
}, 120_000)

test('a process that lacks a secret says which one, and ends', () => {
  const { services } = readCompose({ ...variables, JWT_PUBLIC_SIGNING_JWK_SET: '', JWT_JWKS_URL: '' })
  const { command, args, cwd, env } = specOf('gateway', services.gateway as ComposeService)
  const start = () => execFileSync(command, args, { cwd, env: { ...env, METRICS_PORT: '' }, stdio: 'pipe' })
  expect(start).toThrow(/No token could be verified: set JWT_PUBLIC_SIGNING_JWK_SET/)
})
