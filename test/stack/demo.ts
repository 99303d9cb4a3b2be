import type { DescService } from '@bufbuild/protobuf'
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import type { JWK } from 'jose'
import { Reason } from '#kit/errors.ts'
import { openSessionManager } from '#kit/http2-sessions.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { createServiceTokenIssuer } from '#kit/service-tokens.ts'
import type { TlsFiles } from '#kit/tls-files.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import {
  type DemoProgram,
  demoGrade,
  demoLearner,
  demoLearners,
  demoMasters,
  demoOrganizations,
  demoPartners,
  demoPrograms,
  demoSuperuser,
} from './demo-data.ts'

export type DemoOptions = {
  readonly urls: { readonly accessControl: string; readonly catalog: string; readonly enrollment: string }
  readonly tls?: TlsFiles
  /** With this the demo is made as the operator would: by the services' own RPCs. */
  readonly servicePrivateJwk: JWK
  /** Told what is being made. */
  readonly log: (line: string) => void
}

/**
 * Fills an empty system with the demo. Safe to repeat: what a start that was cut short has made already is kept.
 *
 * Returns `made`, `kept` when it is all there, or `absent` when other programs are there, which it leaves alone.
 */
export async function ensureDemo({
  urls,
  tls,
  servicePrivateJwk,
  log,
}: DemoOptions): Promise<'made' | 'kept' | 'absent'> {
  const token = createServiceTokenIssuer(servicePrivateJwk, 'operator')
  const connections = new AbortController()
  const clientOf = <S extends DescService>(service: S, baseUrl: string) =>
    createClient(service, connect(baseUrl, tls, token, connections.signal))
  try {
    const accessControl = clientOf(AccessControlService, urls.accessControl)
    const catalog = clientOf(CatalogService, urls.catalog)
    if (await ifFound(Reason.USER_NOT_FOUND, accessControl.getUser({ username: demoSuperuser })))
      return 'kept'
    if (!(await isOurs(catalog))) return 'absent'
    log(`making demo data: ${demoOrganizations.length} organizations, ${demoPrograms.length} programs`)
    for (const organization of demoOrganizations) await unlessThere(catalog.createOrganization(organization))
    for (const program of demoPrograms) await makeProgram(catalog, program)
    log(`making demo data: ${demoLearners.toLocaleString('en')} learners of ${demoMasters.key}`)
    await enrollLearners(clientOf(EnrollmentService, urls.enrollment))
    await makePartners({ accessControl, catalog })
    await unlessThere(accessControl.createUser({ username: demoSuperuser, superuser: true }))
    return 'made'
  } finally {
    connections.abort()
  }
}

// Not kit's client: that one keeps its connections alive for as long as the process lives, and this is over in seconds.
function connect(
  baseUrl: string,
  tls: TlsFiles | undefined,
  token: () => Promise<string>,
  over: AbortSignal,
): Transport {
  const sessionManager = openSessionManager(baseUrl, tls)
  over.addEventListener('abort', () => sessionManager.abort())
  const authorize: Interceptor = (next) => async (request) => {
    request.header.set('authorization', `Bearer ${await token()}`)
    return next(request)
  }
  const defaultTimeoutMs = 120_000
  return createConnectTransport({
    baseUrl,
    httpVersion: '2',
    sessionManager,
    interceptors: [authorize],
    defaultTimeoutMs,
  })
}

type Services = { accessControl: Client<typeof AccessControlService>; catalog: Client<typeof CatalogService> }

/** Whether there is nothing yet, or the beginning of a demo. */
async function isOurs(catalog: Services['catalog']): Promise<boolean> {
  const { programs } = await catalog.listPrograms({ pageSize: 1 })
  if (programs.length === 0) return true
  return (await ifFound(Reason.PROGRAM_NOT_FOUND, catalog.getProgram({ key: demoMasters.key }))) !== undefined
}

async function makeProgram(
  catalog: Services['catalog'],
  { courseRuns, ...program }: DemoProgram,
): Promise<void> {
  const { key, organizationKey } = program
  await unlessThere(
    catalog.createProgram({ ...program, url: `https://${organizationKey}.example.org/${key}` }),
  )
  for (const run of courseRuns) {
    const url = `https://courses.example.org/${run.key}`
    await unlessThere(catalog.addCourseRun({ programKey: key, courseRun: { ...run, url } }))
  }
}

async function enrollLearners(enrollment: Client<typeof EnrollmentService>): Promise<void> {
  const programKey = demoMasters.key
  const mode = WriteMode.CREATE_OR_UPDATE
  for (const indices of batches(demoLearners)) {
    const learners = indices.map(demoLearner)
    await enrollment.writeProgramEnrollments({ programKey, mode, enrollments: learners })
    const accounts = learners.flatMap(({ studentKey, account }) =>
      account ? [{ studentKey, ...account }] : [],
    )
    await enrollment.linkAccounts({ programKey, accounts })
  }
  const [first, second] = demoMasters.courseRuns
  for (const [courseId, count] of [
    [first.key, 3_000],
    [second.key, 500],
  ] as const) {
    for (const indices of batches(count)) {
      const learners = indices.map((index) => ({ index, ...demoLearner(index) }))
      const enrollments = learners.map(({ studentKey, index }) => ({
        studentKey,
        status: index % 11 === 0 ? 'inactive' : 'active',
      }))
      await enrollment.writeCourseEnrollments({ programKey, courseId, mode, enrollments })
      const grades = learners.flatMap(({ studentKey, index, account }) => {
        const grade = account && demoGrade(index)
        return grade ? [{ studentKey, outcome: { case: 'grade' as const, value: grade } }] : []
      })
      await enrollment.recordCourseGrades({ programKey, courseId, grades })
    }
  }
}

/** Makes somebody for each role, in groups of their own. */
export async function makePartners({ accessControl, catalog }: Services): Promise<void> {
  const { program } = await catalog.getProgram({ key: demoMasters.key })
  for (const { username, role } of demoPartners) {
    const target = role.startsWith('program')
      ? { case: 'programId' as const, value: program?.id ?? '' }
      : { case: 'organizationId' as const, value: program?.organizationId ?? '' }
    const groupName = `demo_${role}`
    await unlessThere(accessControl.createGroup({ name: groupName, role, resource: { target } }))
    await unlessThere(accessControl.createUser({ username, email: `${username}@example.org` }))
    await accessControl.addGroupMember({ username, groupName })
  }
}

/** The numbers from 0 to `count` - 1, some thousands at a time. */
function* batches(count: number, size = 2_500): Generator<number[]> {
  for (let from = 0; from < count; from += size) {
    yield Array.from({ length: Math.min(size, count - from) }, (_, offset) => from + offset)
  }
}

async function unlessThere(made: Promise<unknown>): Promise<void> {
  await ifFound(Reason.ALREADY_EXISTS, made)
}

/** Undefined instead of the error with this reason. */
async function ifFound<T>(reason: Reason, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (reasonOf(error) === reason) return undefined
    throw error
  }
}
