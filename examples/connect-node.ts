// A client of the gRPC services by connect-node: see docs/grpc.md. Run: node examples/connect-node.ts PROGRAM_KEY
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { ErrorInfoSchema } from '../proto/gen/google/rpc/error_details_pb.ts'
import { CatalogService } from '../proto/gen/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '../proto/gen/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode } from '../proto/gen/registrar/enrollment/v1/enrollment_write_pb.ts'
import { JobKind, JobState, JobStateSchema, ResultFormat } from '../proto/gen/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '../proto/gen/registrar/jobs/v1/jobs_service_pb.ts'

const programKey = process.argv[2] ?? 'demo-masters'
const { TOKEN, CATALOG_URL, ENROLLMENT_URL, JOBS_URL } = process.env

const authorize: Interceptor = (next) => (request) => {
  request.header.set('authorization', `Bearer ${TOKEN}`)
  return next(request)
}

// What has no side effects may be sent again when a service is away for a moment.
const tryAgain: Interceptor = (next) => async (request) => {
  for (let tries = 1; ; tries++) {
    try {
      return await next(request)
    } catch (error) {
      const isSafe = request.method.idempotency === Idempotency.NO_SIDE_EFFECTS && !request.stream
      if (!isSafe || tries === 3 || ConnectError.from(error).code !== Code.Unavailable) throw error
      await sleep(100 * 2 ** tries)
    }
  }
}

const transportTo = (baseUrl: string) =>
  createConnectTransport({
    baseUrl,
    httpVersion: '2',
    interceptors: [authorize, tryAgain],
    defaultTimeoutMs: 10_000,
  })
const catalog = createClient(CatalogService, transportTo(CATALOG_URL ?? 'http://127.0.0.1:18742'))
const enrollment = createClient(EnrollmentService, transportTo(ENROLLMENT_URL ?? 'http://127.0.0.1:18743'))
const jobs = createClient(JobsService, transportTo(JOBS_URL ?? 'http://127.0.0.1:18744'))

const { program } = await catalog.getProgram({ key: programKey })
console.log(`program: ${program?.title}`)

// A stream that breaks is taken up behind the last rows that came.
let learners = 0
for (let pageToken = '', isDone = false; !isDone; ) {
  try {
    const request = { programKey, pageToken }
    for await (const batch of enrollment.streamProgramEnrollments(request, { timeoutMs: 600_000 })) {
      learners += batch.enrollments.length
      pageToken = batch.nextPageToken
    }
    isDone = true
  } catch (error) {
    if (ConnectError.from(error).code !== Code.Unavailable) throw error
    await sleep(1_000)
  }
}
console.log(`learners: ${learners}`)

// With a key of its own a write may be sent again as well: it is done once.
const { results } = await enrollment.writeProgramEnrollments(
  {
    programKey,
    mode: WriteMode.CREATE_OR_UPDATE,
    enrollments: [{ studentKey: 'example-1', status: 'enrolled' }],
  },
  { headers: { 'idempotency-key': randomUUID() } },
)
console.log(`written: ${results.map(({ studentKey, status }) => `${studentKey} ${status}`)}`)

const kind = JobKind.LIST_PROGRAM_ENROLLMENTS
const { job } = await jobs.createReadJob({ kind, programKey, format: ResultFormat.CSV })
const id = job?.id ?? ''
let state: JobState = JobState.PENDING
for await (const update of jobs.watchJob({ id }, { timeoutMs: 600_000 })) state = update.job?.state ?? state
let bytes = 0
for await (const { data } of jobs.getJobResult({ id }, { timeoutMs: 600_000 })) bytes += data.length
console.log(
  `job: ${JobStateSchema.value[state]?.localName}, ${bytes > 0 ? 'with a result' : 'without a result'}`,
)

// Every refusal has a code, and a reason to tell apart what shares a code.
try {
  await catalog.getProgram({ key: 'no-such-program' })
} catch (error) {
  const refusal = ConnectError.from(error)
  const [info] = refusal.findDetails(ErrorInfoSchema)
  console.log(`refused: ${Code[refusal.code]}, ${info?.reason}`)
}
