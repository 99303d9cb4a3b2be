import type { MessageInitShape } from '@bufbuild/protobuf'
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect'
import { principalOf, requestIdOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { createLogger } from '#kit/logger.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier, type JwtConfig } from '#kit/tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CallerSchema } from '#proto/registrar/accesscontrol/v1/user_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { createTestEnrollment, type TestEnrollment, type TestProgram } from './enrollment.ts'

export type TestUser = {
  id: string
  superuser?: boolean
  staff?: boolean
  inactive?: boolean
  readsAllJobs?: boolean
  flags?: string[]
  /** What the user may do on every program. */
  permissions?: Permission[]
}

/** The catalog, access-control and enrollment as jobs meet them, at their RPCs, on one port; filled by tests. */
export type TestPeers = {
  url: string
  users: Map<string, TestUser>
  programs: Map<string, TestProgram>
  enrollment: TestEnrollment
  /** What was asked of the catalog under the operator's name, in that order. */
  operations: string[]
  /** The request ids under which our own processes called. */
  requestIds: Set<string>
  close(): Promise<void>
}

export async function startTestPeers(jwt: JwtConfig): Promise<TestPeers> {
  const users = new Map<string, TestUser>()
  const programs = new Map<string, TestProgram>()
  const enrollment = createTestEnrollment(programs)
  const requestIds = new Set<string>()
  const operations: string[] = []

  function callerOf(
    username: string,
  ): MessageInitShape<typeof CallerSchema> & { userId: string; flags: string[] } {
    const user = users.get(username)
    if (user === undefined || user.inactive) throw new DomainError(Reason.USER_INACTIVE, 'User inactive.')
    return {
      userId: user.id,
      username,
      superuser: user.superuser ?? false,
      staff: user.staff ?? false,
      globalPermissions: user.readsAllJobs ? [Permission.JOB_GLOBAL_READ] : [],
      flags: user.flags ?? [],
    }
  }

  const server = await startRpcServer({
    name: 'test-peers',
    host: '127.0.0.1',
    port: 0,
    services: [],
    verifier: createTokenVerifier(jwt),
    logger: createLogger('test-peers', process.env.TEST_LOG_LEVEL ?? 'error'),
    isReady: async () => true,
    routes(router) {
      router.service(AccessControlService, {
        getCaller: (_, context) => {
          const principal = principalOf(context)
          return { caller: callerOf(principal.kind === 'user' ? principal.username : '') }
        },
      })
      const operate = (name: string, context: HandlerContext) => {
        const principal = principalOf(context)
        if (principal.kind === 'service' && principal.service === 'operator') operations.push(name)
        return { problems: [] }
      }
      const catalog: Partial<ServiceImpl<typeof CatalogService>> = {
        syncWithDiscovery: (_, context) => operate('syncWithDiscovery', context),
        ensureReportGroups: (_, context) => operate('ensureReportGroups', context),
        getProgram: ({ key, courseIds, requiredPermission }, context) => {
          const principal = principalOf(context)
          const caller = principal.kind === 'user' ? callerOf(principal.username) : undefined
          const program = programs.get(key)
          if (program === undefined) throw new DomainError(Reason.PROGRAM_NOT_FOUND, 'Not found.')
          const held = principal.kind === 'user' ? (users.get(principal.username)?.permissions ?? []) : []
          if (caller !== undefined && requiredPermission !== 0 && !held.includes(requiredPermission)) {
            throw new DomainError(
              Reason.PERMISSION_DENIED,
              'You do not have permission to perform this action.',
            )
          }
          const { id, discoveryUuid, organizationKey, courses } = program
          return {
            caller,
            program: {
              ...{ id, key, discoveryUuid, organizationKey },
              ...(program.hasNoCurriculum ? {} : { activeCurriculumUuid: id }),
            },
            courseRuns: Object.fromEntries(
              courseIds.flatMap((courseId) => {
                const course = Object.entries(courses).find((names) => names.includes(courseId))
                return course === undefined ? [] : [[courseId, { key: course[0], externalKey: course[1] }]]
              }),
            ),
          }
        },
        listCourseRuns: ({ programKey }) => ({
          courseRuns: Object.entries(programs.get(programKey)?.courses ?? {}).map(([key, externalKey]) => ({
            key,
            externalKey,
          })),
        }),
      }
      router.service(CatalogService, noting(requestIds, catalog))
      router.service(EnrollmentService, noting(requestIds, enrollment.routes))
    },
  })
  return { url: server.url, users, programs, enrollment, operations, requestIds, close: () => server.close() }
}

function noting<Routes extends object>(requestIds: Set<string>, routes: Routes): Routes {
  type Handler = (request: never, context: HandlerContext) => unknown
  const noted = Object.entries(routes).map(([name, handle]: [string, Handler]) => [
    name,
    (request: never, context: HandlerContext) => {
      if (principalOf(context).kind === 'service') requestIds.add(requestIdOf(context))
      return handle(request, context)
    },
  ])
  return Object.fromEntries(noted) as Routes
}
