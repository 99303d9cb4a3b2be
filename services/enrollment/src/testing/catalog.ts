import type { HandlerContext, ServiceImpl } from '@connectrpc/connect'
import { principalOf, requestIdOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { createLogger } from '#kit/logger.ts'
import { startRpcServer } from '#kit/rpc-server.ts'
import { createTokenVerifier, type JwtConfig } from '#kit/tokens.ts'
import type { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { CatalogService, type GetProgramRequest } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'

/** What the catalog would know of a program. */
export type TestProgram = {
  uuid: string
  organizationId: string
  curriculumUuid: string | undefined
  /** Internal keys of its course runs; the external keys of those that have one. */
  runs: Record<string, string | undefined>
}

/** A catalog with programs and users that tests put into it, reached as the real one is. */
export type TestCatalog = {
  url: string
  programs: Map<string, TestProgram>
  /** By username: permissions, the same on every program, and flags. */
  users: Map<string, { permissions: Permission[]; flags: string[] }>
  /** The calls that came in. */
  calls: { request: GetProgramRequest; caller: string; requestId: string }[]
  close(): Promise<void>
}

export async function startTestCatalog(jwt: JwtConfig): Promise<TestCatalog> {
  const state = { programs: new Map(), users: new Map(), calls: [] } as Omit<TestCatalog, 'url' | 'close'>
  const server = await startRpcServer({
    name: 'catalog',
    host: '127.0.0.1',
    port: 0,
    services: [CatalogService],
    routes: (router) => router.service(CatalogService, { getProgram: answerFor(state) }),
    verifier: createTokenVerifier(jwt),
    logger: createLogger('catalog', 'silent'),
    isReady: async () => true,
  })
  return { ...state, url: server.url, close: () => server.close() }
}

function answerFor({
  programs,
  users,
  calls,
}: Pick<TestCatalog, 'programs' | 'users' | 'calls'>): ServiceImpl<typeof CatalogService>['getProgram'] {
  return (request, context: HandlerContext) => {
    const principal = principalOf(context)
    const caller = principal.kind === 'user' ? principal.username : principal.service
    calls.push({ request, caller, requestId: requestIdOf(context) })
    const program = programs.get(request.key)
    if (program === undefined) throw new DomainError(Reason.PROGRAM_NOT_FOUND, 'Not found.')
    const { permissions, flags } = users.get(caller) ?? { permissions: [], flags: [] }
    if (principal.kind === 'user' && !permissions.includes(request.requiredPermission)) {
      throw new DomainError(Reason.PERMISSION_DENIED, 'You do not have permission to perform this action.')
    }
    return {
      program: {
        id: program.uuid,
        key: request.key,
        discoveryUuid: program.uuid,
        organizationId: program.organizationId,
        activeCurriculumUuid: program.curriculumUuid,
        permissions: principal.kind === 'user' ? permissions : [],
      },
      ...(principal.kind === 'user' && { caller: { username: caller, flags } }),
      courseRuns: Object.fromEntries(request.courseIds.flatMap((id) => runsOf(program, id))),
    }
  }
}

function runsOf({ runs }: TestProgram, id: string) {
  return Object.entries(runs)
    .filter(([key, externalKey]) => key === id || externalKey === id)
    .map(([key, externalKey]) => [id, { key, externalKey }] as const)
}
