import type { MessageInitShape } from '@bufbuild/protobuf'
import type { HandlerContext } from '@connectrpc/connect'
import { principalOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { createLogger } from '#kit/logger.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import type { PeerName } from '#kit/settings.ts'
import { createTokenVerifier, type JwtConfig } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { CourseRunSchema } from '#proto/registrar/catalog/v1/course_run_pb.ts'
import type { ProgramSchema } from '#proto/registrar/catalog/v1/program_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { WriteResultSchema } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { type Job, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService, type ReadSignedObjectResponseSchema } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import type { ReportSchema } from '#proto/registrar/jobs/v1/report_pb.ts'

export const everything = [
  Permission.READ_METADATA,
  Permission.READ_ENROLLMENTS,
  Permission.WRITE_ENROLLMENTS,
  Permission.READ_REPORTS,
]

export type FakeUser = {
  permissions: Permission[]
  flags?: string[]
  staff?: boolean
  inactive?: boolean
}

/** What the fakes know. They decide as the real services do, about one program, its course runs and a few users. */
export type World = {
  users: Record<string, FakeUser>
  programs: Record<string, MessageInitShape<typeof ProgramSchema>>
  courseRuns: MessageInitShape<typeof CourseRunSchema>[]
  jobs: Record<string, Job>
  results: MessageInitShape<typeof WriteResultSchema>[]
  reports: MessageInitShape<typeof ReportSchema>[]
  object: (signal: AbortSignal) => AsyncIterable<MessageInitShape<typeof ReadSignedObjectResponseSchema>>
  /** Errors by the name of the RPC, thrown in place of an answer. */
  failures: Record<string, unknown>
  /** What every RPC waits for. */
  hold: Promise<void> | undefined
  /** Every RPC that got so far, in order. */
  calls: { rpc: string; message: unknown; requestId: string | null; headers: Headers }[]
  /** What every unary answer carries as metadata. */
  answers: Record<string, string>
}

export type FakeServices = { peers: Record<PeerName, string>; close(): Promise<void> }

/** Starts the four services as fakes behind real RPC servers. */
export async function startFakeServices(world: World, jwt: JwtConfig): Promise<FakeServices> {
  const options = { verifier: createTokenVerifier(jwt), logger: createLogger('fake', 'silent') }
  const at = { host: '127.0.0.1', port: 0, isReady: async () => world.failures.health === undefined }
  const record = recorderFor(world)
  const servers = {
    'access-control': await startRpcServer({
      ...options,
      ...at,
      name: 'access-control',
      services: [AccessControlService],
      routes: (router) =>
        router.service(AccessControlService, {
          getCaller: record('GetCaller', (_, user) => ({ caller: callerOf(user) })),
        }),
    }),
    catalog: await startRpcServer({
      ...options,
      ...at,
      name: 'catalog',
      services: [CatalogService],
      routes: (router) => router.service(CatalogService, fakeCatalog(world, record)),
    }),
    enrollment: await startRpcServer({
      ...options,
      ...at,
      name: 'enrollment',
      services: [EnrollmentService],
      routes: (router) => router.service(EnrollmentService, fakeEnrollment(world, record)),
    }),
    jobs: await startRpcServer({
      ...options,
      ...at,
      name: 'jobs',
      services: [JobsService],
      routes: (router) => router.service(JobsService, fakeJobs(world, record)),
    }),
  }
  return {
    peers: {
      'access-control': servers['access-control'].url,
      catalog: servers.catalog.url,
      enrollment: servers.enrollment.url,
      jobs: servers.jobs.url,
    },
    async close() {
      await Promise.all(Object.values(servers).map((server) => server.close()))
    },
  }
}

type User = FakeUser & { username: string }
type Record_ = ReturnType<typeof recorderFor>

function recorderFor(world: World) {
  return <I, O>(rpc: string, answer: (request: I, user: User) => O) =>
    async (request: I, context: HandlerContext): Promise<O> => {
      const principal = principalOf(context)
      const username = principal.kind === 'user' ? principal.username : principal.service
      const user = { permissions: [], ...world.users[username], username }
      if (user.inactive) throw new DomainError(Reason.USER_INACTIVE, 'inactive')
      const { requestHeader: headers, responseHeader } = context
      world.calls.push({ rpc, message: request, requestId: headers.get('x-request-id'), headers })
      for (const [name, value] of Object.entries(world.answers)) responseHeader.set(name, value)
      await world.hold
      if (world.failures[rpc] !== undefined) throw world.failures[rpc]
      return answer(request, user)
    }
}

function callerOf(user: User) {
  return { username: user.username, staff: user.staff ?? false, flags: user.flags ?? [] }
}

/** PROGRAM_NOT_FOUND, PERMISSION_DENIED, COURSE_NOT_FOUND, in that order. */
function admit(
  world: World,
  user: User,
  wanted: { key: string; permission?: Permission; courseId?: string },
) {
  const program = world.programs[wanted.key]
  if (program === undefined) throw new DomainError(Reason.PROGRAM_NOT_FOUND, 'no such program')
  if (wanted.permission && !user.permissions.includes(wanted.permission)) {
    throw new DomainError(Reason.PERMISSION_DENIED, 'not permitted')
  }
  if (wanted.courseId && !world.courseRuns.some((run) => isNamed(run, wanted.courseId))) {
    throw new DomainError(Reason.COURSE_NOT_FOUND, 'no such course')
  }
  return program
}

function isNamed(run: MessageInitShape<typeof CourseRunSchema>, id: string | undefined): boolean {
  return run.key === id || run.externalKey === id
}

function fakeCatalog(world: World, record: Record_) {
  return {
    getProgram: record('GetProgram', ({ key, requiredPermission, courseIds }: GetProgram, user) => ({
      program: {
        ...admit(world, user, { key, permission: requiredPermission }),
        permissions: user.permissions,
      },
      caller: callerOf(user),
      courseRuns: Object.fromEntries(
        courseIds.flatMap((id) => world.courseRuns.filter((run) => isNamed(run, id)).map((run) => [id, run])),
      ),
    })),
    listPrograms: record('ListPrograms', (request: ListPrograms, user) => {
      if (request.organizationKey !== '' && request.organizationKey !== 'stem') {
        throw new DomainError(Reason.ORGANIZATION_NOT_FOUND, 'no such organization')
      }
      const seen = user.permissions.includes(request.permission) ? Object.values(world.programs) : []
      const from = request.pageToken === '' ? request.skip : Number(request.pageToken)
      const to = from + (request.pageSize || 100)
      return {
        programs: seen.slice(from, to).map((program) => ({ ...program, permissions: user.permissions })),
        nextPageToken: to < seen.length ? String(to) : '',
        totalSize: seen.length,
      }
    }),
    listCourseRuns: record('ListCourseRuns', ({ programKey }: { programKey: string }, user) => {
      admit(world, user, { key: programKey, permission: Permission.READ_METADATA })
      return { courseRuns: world.courseRuns }
    }),
    flushProgramCache: record('FlushProgramCache', ({ programKey }: { programKey: string }, user) => {
      if (!user.staff) throw new DomainError(Reason.PERMISSION_DENIED, 'staff only')
      if (programKey !== '') admit(world, user, { key: programKey })
      return {}
    }),
  }
}

type GetProgram = { key: string; requiredPermission: Permission; courseIds: string[] }
type ListPrograms = {
  organizationKey: string
  permission: Permission
  skip: number
  pageSize: number
  pageToken: string
}
type Write = { programKey: string; courseId?: string; enrollments: { courseStaff?: boolean }[] }

function fakeEnrollment(world: World, record: Record_) {
  const write = ({ programKey, courseId, enrollments }: Write, user: User) => {
    admit(world, user, { key: programKey, permission: Permission.WRITE_ENROLLMENTS, courseId })
    const hasStaff = enrollments.some((each) => each.courseStaff !== undefined)
    if (hasStaff && !user.flags?.includes('enable_course_role_management')) {
      throw new DomainError(Reason.COURSE_STAFF_DISABLED, 'the flag is off')
    }
    return { results: world.results }
  }
  return {
    writeProgramEnrollments: record('WriteProgramEnrollments', write),
    writeCourseEnrollments: record('WriteCourseEnrollments', write),
  }
}

type CreateJob = { programKey: string; courseId?: string }

function fakeJobs(world: World, record: Record_) {
  const findJob = ({ id }: { id: string }, user: User) => {
    const job = world.jobs[id]
    if (job === undefined) throw new DomainError(Reason.JOB_NOT_FOUND, 'no such job')
    if (job.username !== user.username) throw new DomainError(Reason.PERMISSION_DENIED, 'not yours')
    return { job }
  }
  const newJob = { job: { id: newJobId, state: JobState.PENDING } }
  return {
    createReadJob: record('CreateReadJob', ({ programKey, courseId }: CreateJob, user) => {
      admit(world, user, { key: programKey, permission: Permission.READ_ENROLLMENTS, courseId })
      return newJob
    }),
    createUploadJob: record('CreateUploadJob', ({ programKey }: CreateJob, user) => {
      admit(world, user, { key: programKey, permission: Permission.WRITE_ENROLLMENTS })
      return newJob
    }),
    getJob: record('GetJob', findJob),
    cancelJob: record('CancelJob', findJob),
    listJobs: record('ListJobs', ({ states }: { states: JobState[] }, user) => ({
      jobs: Object.values(world.jobs).filter(
        (job) => job.username === user.username && states.includes(job.state),
      ),
    })),
    listReports: record('ListReports', ({ programKey }: { programKey: string }, user) => {
      admit(world, user, { key: programKey, permission: Permission.READ_REPORTS })
      return { reports: world.reports }
    }),
    async *readSignedObject(request: { signature: string }, context: HandlerContext) {
      const { requestHeader: headers } = context
      world.calls.push({ rpc: 'ReadSignedObject', message: request, requestId: null, headers })
      if (request.signature !== 'right') throw new DomainError(Reason.OBJECT_NOT_FOUND, 'no such object')
      yield* world.object(context.signal)
    },
  }
}

export const newJobId = '3b985cec-dcf4-4d38-9498-8545ebcf5d0f'
