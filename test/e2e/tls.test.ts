import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type ChannelCredentials,
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeRpcConnections } from '#kit/rpc-client.ts'
import {
  createTestAuthority,
  type TestAuthority,
  type TestPair,
  writeCertificates,
} from '#kit/testing/certificates.ts'
import { callRest, followJob, readByJob } from '../fixtures/rest.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import { startTestStack, type TestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'

let folder: string
let authority: TestAuthority
let pair: TestPair
let system: TestStack
let school: School
let token: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  authority = await createTestAuthority()
  pair = await authority.issue()
  const { cert, key, ca } = await writeCertificates(folder, { ...pair, ca: authority.cert })
  system = await startTestStack({
    TLS_CERT_FILE: cert,
    TLS_KEY_FILE: key,
    TLS_CA_FILE: ca,
    TLS_CLIENT_CERTIFICATES: 'required',
    GATEWAY_TLS_CERT_FILE: cert,
    GATEWAY_TLS_KEY_FILE: key,
  })
  setDefaultCACertificates([...getCACertificates('default'), authority.cert])
  school = await createSchool(await connectWorld(system.addresses, system.stack.settings.tls))
  await school.enroll(school.masters, 300)
  token = await school.partner('organization_read_write_enrollments')
}, 300_000)

afterAll(async () => {
  closeRpcConnections()
  await system?.close()
  await rm(folder, { recursive: true })
})

const programUrl = () => `${system.addresses.gateway}/api/v1/programs/${school.masters.key}`

test('a partner reads and uploads over HTTPS', async () => {
  expect(programUrl()).toMatch(/^https:/)
  const { status: found, body } = await callRest(programUrl(), { token })
  expect([found, body]).toMatchObject([200, { program_key: school.masters.key }])

  const rows = (await readByJob(`${programUrl()}/enrollments?fmt=csv`, token)).trimEnd().split('\r\n')
  expect(rows).toHaveLength(301)

  const form = new FormData()
  form.append('file', new Blob(['student_key,status\r\nlearner-000000,suspended\r\n']), 'upload.csv')
  const upload = await callRest(`${programUrl()}/enrollments/upload`, { method: 'POST', token, body: form })
  expect(upload.status).toBe(202)
  const { job_url: jobUrl } = upload.body as { job_url: string }
  expect(jobUrl).toMatch(/^https:/)
  expect(await followJob(jobUrl, token)).toMatchObject({ state: 'Succeeded' })
})

type CatalogClient = Client & {
  GetProgram(
    request: object,
    metadata: Metadata,
    options: object,
    done: (error: ServiceError | null, answer: { program: { key: string } }) => void,
  ): void
}
const includeDirs = [fileURLToPath(new URL('../../proto', import.meta.url))]
const { registrar } = loadPackageDefinition(
  loadSync('registrar/catalog/v1/catalog_service.proto', { includeDirs, keepCase: true }),
) as never as {
  registrar: {
    catalog: { v1: { CatalogService: new (address: string, channel: ChannelCredentials) => CatalogClient } }
  }
}

async function getProgram(shown: TestPair | undefined, withToken = true): Promise<string> {
  const [ca, key, cert] = [authority.cert, shown?.key, shown?.cert].map((pem) =>
    pem ? Buffer.from(pem) : null,
  )
  const client = new registrar.catalog.v1.CatalogService(
    new URL(system.addresses.catalog).host,
    credentials.createSsl(ca, key, cert),
  )
  const metadata = new Metadata()
  if (withToken) metadata.set('authorization', `Bearer ${token}`)
  return new Promise<string>((resolve) => {
    const options = { deadline: Date.now() + 10_000 }
    client.GetProgram({ key: school.masters.key }, metadata, options, (error, answer) =>
      resolve(error === null ? answer.program.key : (status[error.code] ?? '')),
    )
  }).finally(() => client.close())
}

test('a gRPC caller needs a certificate of our authority and a token as well', async () => {
  expect(await getProgram(pair)).toBe(school.masters.key)
  expect(await getProgram(await authority.issue())).toBe(school.masters.key)
  expect(await getProgram(undefined)).toBe('UNAVAILABLE')
  expect(await getProgram(await (await createTestAuthority('Somebody else')).issue())).toBe('UNAVAILABLE')
  expect(await getProgram(pair, false)).toBe('UNAUTHENTICATED')
})

const registrarMain = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url))
const run = (env: NodeJS.ProcessEnv) =>
  promisify(execFile)(process.execPath, [registrarMain, 'jobs', 'list', '--limit', '1'], { env })

test('the command calls the services with the certificates that are set, and says so when they do not do', async () => {
  const { env } = system.stack
  expect((await run(env)).stdout).toContain('Succeeded')
  const { TLS_CERT_FILE: _, TLS_KEY_FILE: __, TLS_CLIENT_CERTIFICATES: ___, ...bare } = env
  await expect(run(bare)).rejects.toMatchObject({
    stderr: expect.stringContaining('set TLS_CA_FILE, TLS_CERT_FILE'),
  })
})

/** The serial number of the certificate that a new connection is shown. */
function serialOf(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect({ host: hostname, port: Number(port), ca: authority.cert, ...pair }, () => {
    resolve(socket.getPeerCertificate().serialNumber)
    socket.destroy()
  })
  socket.on('error', reject)
  return promise
}

test('new certificates are in use everywhere within seconds, while partners are served', async () => {
  const urls = Object.values(system.stack.urls)
  const before = new Set(await Promise.all(urls.map(serialOf)))
  expect(before.size).toBe(1)
  await writeCertificates(folder, await authority.issue())

  const statuses = new Set<number>()
  const areAllNew = async () => {
    statuses.add((await callRest(programUrl(), { token })).status)
    const serials = await Promise.all(urls.map(serialOf))
    return serials.every((serial) => !before.has(serial))
  }
  await expect.poll(areAllNew, { timeout: 20_000, interval: 200 }).toBe(true)
  expect(await readByJob(`${programUrl()}/enrollments`, token)).toContain('learner-000299')
  expect([...statuses]).toEqual([200])
}, 60_000)
