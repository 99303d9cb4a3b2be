// A client of the gRPC services by @grpc/grpc-js, with the protos loaded when it starts: see docs/grpc.md.
// Run: node examples/grpc-js.ts PROGRAM_KEY
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { fromBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { ErrorInfoSchema } from '../proto/gen/google/rpc/error_details_pb.ts'
import { StatusSchema } from '../proto/gen/google/rpc/status_pb.ts'

const programKey = process.argv[2] ?? 'demo-masters'
const { TOKEN, CATALOG_URL, ENROLLMENT_URL, JOBS_URL } = process.env

const files = ['catalog/v1/catalog', 'enrollment/v1/enrollment', 'jobs/v1/jobs'].map(
  (name) => `registrar/${name}_service.proto`,
)
const includeDirs = [fileURLToPath(new URL('../proto', import.meta.url))]
const options = { includeDirs, keepCase: true, enums: String, longs: String, defaults: true }
// biome-ignore lint/suspicious/noExplicitAny: what is loaded at run time has no types.
const { registrar } = loadPackageDefinition(loadSync(files, options)) as any

/** Reads have no side effects: grpc-js sends them again when the service is away for a moment. */
const retry = (service: string, ...methods: string[]) => ({
  name: methods.map((method) => ({ service, method })),
  retryPolicy: {
    maxAttempts: 3,
    initialBackoff: '0.1s',
    maxBackoff: '1s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
  },
})
const serviceConfig = {
  loadBalancingConfig: [],
  methodConfig: [
    retry('registrar.catalog.v1.CatalogService', 'GetProgram', 'ListPrograms'),
    retry('registrar.enrollment.v1.EnrollmentService', 'ListProgramEnrollments'),
    retry('registrar.jobs.v1.JobsService', 'GetJob', 'ListJobs'),
  ],
}
const connect = (Service: new (...args: unknown[]) => Client, url: string) =>
  new Service(new URL(url).host, credentials.createInsecure(), {
    'grpc.service_config': JSON.stringify(serviceConfig),
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
  })
const catalog = connect(registrar.catalog.v1.CatalogService, CATALOG_URL ?? 'http://127.0.0.1:18742')
const enrollment = connect(
  registrar.enrollment.v1.EnrollmentService,
  ENROLLMENT_URL ?? 'http://127.0.0.1:18743',
)
const jobs = connect(registrar.jobs.v1.JobsService, JOBS_URL ?? 'http://127.0.0.1:18744')

function metadataWith(headers: Record<string, string> = {}): Metadata {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${TOKEN}`)
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}
const within = (seconds: number) => ({ deadline: Date.now() + seconds * 1_000 })

/** A call with one answer; every call has a deadline. */
function call<Answer>(
  client: Client,
  method: string,
  request: object,
  headers?: Record<string, string>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const send = (client as any)[method].bind(client)
    send(request, metadataWith(headers), within(10), (error: ServiceError | null, answer: Answer) =>
      error === null ? resolve(answer) : reject(error),
    )
  })
}
/** A call with a stream of answers. */
function stream<Answer>(client: Client, method: string, request: object): AsyncIterable<Answer> {
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  return (client as any)[method](request, metadataWith(), within(600))
}

const { program } = await call<{ program: { title: string } }>(catalog, 'GetProgram', { key: programKey })
console.log(`program: ${program.title}`)

let learners = 0
for (let page_token = '', isDone = false; !isDone; ) {
  type Page = { enrollments: unknown[]; next_page_token: string }
  const request = { program_key: programKey, page_size: 1_000, page_token }
  const page = await call<Page>(enrollment, 'ListProgramEnrollments', request)
  learners += page.enrollments.length
  page_token = page.next_page_token
  isDone = page_token === ''
}
console.log(`learners: ${learners}`)

const { results } = await call<{ results: { student_key: string; status: string }[] }>(
  enrollment,
  'WriteProgramEnrollments',
  {
    program_key: programKey,
    mode: 'WRITE_MODE_CREATE_OR_UPDATE',
    enrollments: [{ student_key: 'example-1', status: 'enrolled' }],
  },
  { 'idempotency-key': randomUUID() },
)
console.log(`written: ${results.map(({ student_key, status: written }) => `${student_key} ${written}`)}`)

const { job } = await call<{ job: { id: string } }>(jobs, 'CreateReadJob', {
  kind: 'JOB_KIND_LIST_PROGRAM_ENROLLMENTS',
  program_key: programKey,
  format: 'RESULT_FORMAT_CSV',
})
let state = ''
for await (const update of stream<{ job: { state: string } }>(jobs, 'WatchJob', { id: job.id }))
  state = update.job.state
let bytes = 0
for await (const { data } of stream<{ data: Buffer }>(jobs, 'GetJobResult', { id: job.id }))
  bytes += data.length
console.log(`job: ${state.replace('JOB_STATE_', '')}, ${bytes > 0 ? 'with a result' : 'without a result'}`)

// Every refusal has a code, and in its details a reason to tell apart what shares a code.
try {
  await call(catalog, 'GetProgram', { key: 'no-such-program' })
} catch (error) {
  const { code, metadata } = error as ServiceError
  const [details] = metadata.get('grpc-status-details-bin')
  const infos = fromBinary(StatusSchema, details as Buffer).details.map((each) =>
    anyUnpack(each, ErrorInfoSchema),
  )
  console.log(`refused: ${status[code]}, ${infos.find((info) => info !== undefined)?.reason}`)
}

for (const client of [catalog, enrollment, jobs]) client.close()
