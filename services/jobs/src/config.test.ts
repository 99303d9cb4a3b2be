import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConfigError } from '#kit/config.ts'
import { readJobsConfig, readWorkerConfig } from './config.ts'

let REGISTRAR_DATA_DIR: string

beforeAll(async () => {
  REGISTRAR_DATA_DIR = await mkdtemp(join(tmpdir(), 'registrar-config-'))
})
afterAll(() => rm(REGISTRAR_DATA_DIR, { recursive: true }))

async function faultsOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ConfigError)) throw error ?? new Error('accepted')
  return error.message
}

test('with nothing set everything is found on this machine', async () => {
  const service = await readJobsConfig({ REGISTRAR_DATA_DIR })
  expect(service).toMatchObject({
    listen: { host: '127.0.0.1', port: 18744 },
    temporal: { address: '127.0.0.1:7233', namespace: 'default' },
    storage: { dir: join(REGISTRAR_DATA_DIR, 'media'), bucket: 'registrar' },
    reports: { bucket: 'program-reports', folder: 'reports_v2' },
    links: { apiRoot: 'http://127.0.0.1:18734/api', ttlSeconds: 3_600 },
    retention: { resultDays: 30, uploadDays: 30, jobDays: 90 },
  })
  expect(service.timeLimitOf('GetCourseRunGrades')).toBe(3_600)
  const worker = await readWorkerConfig({ REGISTRAR_DATA_DIR, TEMPORAL_PORT: '9999' })
  expect(worker.temporal).toEqual({ address: '127.0.0.1:9999', namespace: 'default' })
  expect(worker.database.url).toBe(service.database.url)
  expect(worker.limits).toEqual({ rows: 50_000, quickMs: 3_000, steadyMs: 10_000 })
})

test('each kind of job may have a time limit of its own', async () => {
  const limits = { JOB_TIME_LIMIT: '60', JOB_TIME_LIMIT_WRITE_PROGRAM_ENROLLMENTS: '600' }
  const { timeLimitOf } = await readJobsConfig({ REGISTRAR_DATA_DIR, ...limits })
  expect(timeLimitOf('ListProgramEnrollments')).toBe(60)
  expect(timeLimitOf('WriteCourseRunEnrollments')).toBe(60)
  expect(timeLimitOf('WriteProgramEnrollments')).toBe(600)
})

test('S3 is found where its settings say, and nothing more needs to be set for a server of one’s own', async () => {
  const env = { REGISTRAR_DATA_DIR, STORAGE_BACKEND: 's3' }
  const amazon = await readWorkerConfig({
    ...{ ...env, AWS_REGION: 'eu-central-1', REGISTRAR_BUCKET: 'school', S3_KEY_PREFIX: '/registrar/live/' },
    ...{ S3_SERVER_SIDE_ENCRYPTION: 'aws:kms', S3_SSE_KMS_KEY_ID: 'alias/school' },
  })
  expect(amazon.storage).toEqual({
    ...{ backend: 's3', bucket: 'school' },
    s3: {
      ...{ region: 'eu-central-1', forcePathStyle: false, keyPrefix: 'registrar/live/' },
      encryption: { algorithm: 'aws:kms', kmsKeyId: 'alias/school' },
    },
  })
  const own = { ...env, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000/', S3_FORCE_PATH_STYLE: 'true' }
  expect((await readJobsConfig(own)).storage).toMatchObject({
    ...{ backend: 's3', bucket: 'registrar' },
    s3: { region: 'us-east-1', endpoint: 'http://127.0.0.1:9000', forcePathStyle: true, keyPrefix: '' },
  })
})

test('in production every key and address must be set', async () => {
  const env = { REGISTRAR_DATA_DIR, NODE_ENV: 'production' }
  const faults = await faultsOf(readWorkerConfig(env))
  expect(faults).toContain('SERVICE_PRIVATE_KEY is missing')
  expect(await faultsOf(readJobsConfig(env))).toContain('RESULT_LINK_SECRET is missing')
})

test('Temporal Cloud is reached with an API key, a cluster with certificates', async () => {
  const pem = join(REGISTRAR_DATA_DIR, 'x.pem')
  await writeFile(pem, 'a certificate')
  const env = { REGISTRAR_DATA_DIR, TEMPORAL_ADDRESS: 'temporal.example.com:7233' }
  const cloud = await readWorkerConfig({ ...env, TEMPORAL_API_KEY: 'key', TEMPORAL_NAMESPACE: 'school' })
  expect(cloud.temporal).toEqual({
    address: env.TEMPORAL_ADDRESS,
    namespace: 'school',
    apiKey: 'key',
    tls: {},
  })
  const cluster = await readWorkerConfig({
    ...{ ...env, TEMPORAL_TLS_SERVER_CA_CERT_PATH: pem, TEMPORAL_TLS_SERVER_NAME: 'temporal' },
    ...{ TEMPORAL_TLS_CLIENT_CERT_PATH: pem, TEMPORAL_TLS_CLIENT_KEY_PATH: pem },
  })
  const bytes = Buffer.from('a certificate')
  expect(cluster.temporal.tls).toEqual({
    ...{ serverNameOverride: 'temporal', serverRootCACertificate: bytes },
    clientCertPair: { crt: bytes, key: bytes },
  })
})

test.each([
  [
    { TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere.pem' },
    /^TEMPORAL_TLS_CLIENT_CERT_PATH cannot be read \(ENOENT\): set it/,
  ],
  [{ STORAGE_BACKEND: 'tape' }, /^STORAGE_BACKEND is not usable: set it to one of file, s3\.$/],
  [{ STORAGE_BACKEND: 's3' }, /^AWS_REGION is missing: set it to the region of the buckets, .*\.$/],
  [
    { STORAGE_BACKEND: 's3', AWS_REGION: 'x', S3_KEY_PREFIX: 'a/../b' },
    /^S3_KEY_PREFIX is not usable: set it to names/,
  ],
  [
    { STORAGE_BACKEND: 's3', AWS_REGION: 'x', S3_SSE_KMS_KEY_ID: 'k' },
    /^S3_SERVER_SIDE_ENCRYPTION is not aws:kms: set it to that/,
  ],
  [{ JOB_PART_ROWS: '0' }, /^JOB_PART_ROWS is not usable: set it to a whole number of rows/],
])('%o is told in one sentence', async (env, sentence) => {
  expect(await faultsOf(readWorkerConfig({ REGISTRAR_DATA_DIR, ...env }))).toMatch(sentence)
})
