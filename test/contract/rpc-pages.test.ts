import { create, type DescMethod, type Message } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadOrCreateDevelopmentKeys } from '#kit/keys.ts'
import { createRpcClient } from '#kit/rpc-client.ts'
import { createServiceTokenIssuer } from '#kit/service-tokens.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { JobKind } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { createCast } from '../fixtures/cast.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'
import { type Answer, type Caller, callByGrpc } from './rpc-call.ts'

const services = {
  accessControl: AccessControlService,
  catalog: CatalogService,
  enrollment: EnrollmentService,
  jobs: JobsService,
}
type Place = keyof typeof services

/** How a list of each method is asked for that has more than two entries; `as` who may see it. */
const lists: Record<string, { as: 'root' | 'operator'; ask?: (school: School) => object }> = {
  'AccessControlService.ListGroups': { as: 'root' },
  'AccessControlService.ListAuditEvents': { as: 'root' },
  'CatalogService.ListPrograms': { as: 'root', ask: ({ key }) => ({ organizationKey: key }) },
  'EnrollmentService.ListProgramEnrollments': { as: 'root', ask: inProgram },
  'EnrollmentService.ListCourseEnrollments': { as: 'root', ask: inRun },
  'EnrollmentService.StreamProgramEnrollments': { as: 'root', ask: inProgram },
  'EnrollmentService.StreamCourseEnrollments': { as: 'root', ask: inRun },
  'EnrollmentService.StreamCourseGrades': { as: 'root', ask: inRun },
  'EnrollmentService.ListAuditEvents': { as: 'operator' },
  'EnrollmentService.ListAuditRows': {
    as: 'operator',
    ask: ({ masters }) => ({
      of: { case: 'studentKey', value: 'learner-000001' },
      filter: { programId: masters.id },
    }),
  },
  'JobsService.ListJobs': { as: 'root' },
}

function inProgram({ masters }: School): object {
  return { programKey: masters.key }
}
function inRun({ masters }: School): object {
  return { programKey: masters.key, courseId: masters.withoutExternalKey.key }
}

const paged = (Object.keys(services) as Place[]).flatMap((place) =>
  services[place].methods
    .filter(({ output }: DescMethod) => 'nextPageToken' in output.field)
    .map((rpc: DescMethod) => [`${rpc.parent.name}.${rpc.name}`, rpc, place] as const),
)
const isStream = (rpc: DescMethod) => rpc.methodKind === 'server_streaming'

let world: World
let school: School
const callers = new Map<Place, Caller>()
const headers: Record<'root' | 'operator', Record<string, string>> = { root: {}, operator: {} }
const tokens = new Map<string, string>()

beforeAll(async () => {
  world = await runningWorld()
  school = await createSchool(world)
  const root = await createCast(world, school).token('root')
  const { servicePrivateJwk } = await loadOrCreateDevelopmentKeys(world.addresses.dataDir)
  headers.root = { authorization: `Bearer ${root}` }
  headers.operator = {
    authorization: `Bearer ${await createServiceTokenIssuer(servicePrivateJwk, 'operator')()}`,
  }
  for (const place of Object.keys(services) as Place[]) callers.set(place, callByGrpc(world.addresses[place]))
  await fill()
})
afterAll(() => {
  for (const caller of callers.values()) caller.close()
})

/** More rows than a page may have in one list, and some in all others. */
async function fill(): Promise<void> {
  const { masters } = school
  const mode = WriteMode.CREATE_OR_UPDATE
  await school.enroll(masters, 1_001)
  const courseId = masters.withoutExternalKey.key
  const learners = ['learner-000000', 'learner-000001', 'learner-000002']
  const { accessControl, catalog, enrollment } = world.operator
  for (const name of ['a', 'b', 'c']) await accessControl.createGroup({ name: `${school.key} ${name}` })
  const enrollments = learners.map((studentKey) => ({ studentKey, status: 'active' }))
  await enrollment.writeCourseEnrollments({ programKey: masters.key, courseId, mode, enrollments })
  const accounts = learners.map((studentKey) => ({ studentKey, username: `${studentKey}-${school.key}` }))
  await enrollment.linkAccounts({ programKey: masters.key, accounts })
  const outcome = { case: 'error' as const, value: 'No grade yet' }
  const grades = learners.map((studentKey) => ({ studentKey, outcome }))
  await enrollment.recordCourseGrades({ programKey: masters.key, courseId, grades })
  await catalog.createProgram({ key: `${school.key}-third`, organizationKey: school.key })
  const jobs = createRpcClient(JobsService, world.addresses.jobs)
  const kind = JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS
  for (let each = 0; each < 3; each++)
    await jobs.createReadJob({ kind, programKey: masters.key }, { headers: headers.root })
}

type Page = { items: string[]; nextPageToken: string }

async function ask(name: string, rpc: DescMethod, place: Place, more: object): Promise<Answer> {
  const { as, ask: asked = () => ({}) } = lists[name] ?? { as: 'root' }
  const request = create(rpc.input, { ...asked(school), ...more })
  return (callers.get(place) as Caller).call(rpc, request, headers[as])
}

/** What the entries of a page, or of all messages of a stream, are known by. */
function read(rpc: DescMethod, { code, message, messages }: Answer): Page {
  expect([code, message]).toEqual(['OK', ''])
  const field = rpc.output.fields.find(({ fieldKind }) => fieldKind === 'list')
  const values = messages as (Message & Record<string, unknown>)[]
  const items = values.flatMap((each) => each[field?.localName ?? ''] as Record<string, string>[])
  return {
    items: items.map(({ id, batchId, key, studentKey }) => String(id ?? batchId ?? key ?? studentKey)),
    nextPageToken: String(values.at(-1)?.nextPageToken ?? ''),
  }
}

const sized = (rpc: DescMethod, size: number) => (isStream(rpc) ? { limit: size } : { pageSize: size })

test('every method that has pages is among those that are tried', () => {
  expect(paged.map(([name]) => name).toSorted()).toEqual(Object.keys(lists).toSorted())
})

describe.each(paged)('%s', (name, rpc, place) => {
  test('a negative size is refused, by its field', async () => {
    const field = isStream(rpc) ? 'limit' : 'page_size'
    for (const size of [-1, -2_147_483_648]) {
      expect(await ask(name, rpc, place, sized(rpc, size))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'INVALID_ARGUMENT',
        fields: [field],
      })
    }
  })

  test('without a size, and with one that is too large, there is a page of the usual size', async () => {
    const usual = read(rpc, await ask(name, rpc, place, sized(rpc, 0)))
    const largest = read(rpc, await ask(name, rpc, place, sized(rpc, 2_147_483_647)))
    if (isStream(rpc)) {
      expect(usual).toMatchObject({ nextPageToken: '', items: { length: largest.items.length } })
      return
    }
    expect(usual.items.length).toBeLessThanOrEqual(100)
    expect(usual.items.length).toBeGreaterThan(2)
    expect(largest.items.length).toBeLessThanOrEqual(1_000)
    expect(usual.nextPageToken === '').toBe(usual.items.length < 100)
  })

  test.each([
    ['text', '?'],
    ['bytes', 'AAAA'],
    ['nothing', encode('null')],
    ['an object', encode('{"__proto__":{"after":"1"}}')],
    ['a list', encode('[null,{}]')],
    ['a number beyond all', encode('1e999')],
    ['a list of what no database takes', encode('["9999999999999999999999","\\u0000"]')],
    ['far too much', 'A'.repeat(5_000)],
  ])('a page token of %s is refused, by its field', async (_, pageToken) => {
    expect(await ask(name, rpc, place, { pageToken })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PAGE_TOKEN_INVALID',
      fields: ['page_token'],
    })
  })

  test('page by page comes what comes at once, each once', async () => {
    const walked: string[] = []
    let pageToken = ''
    for (let pages = 0; pages < 4; pages++) {
      const page = read(rpc, await ask(name, rpc, place, { ...sized(rpc, 1), pageToken }))
      expect(page.items.length).toBeLessThanOrEqual(1)
      walked.push(...page.items)
      pageToken = page.nextPageToken
      tokens.set(name, pageToken || tokens.get(name) || '')
      if (pageToken === '') break
    }
    const { items } = read(rpc, await ask(name, rpc, place, sized(rpc, 1_000)))
    expect(new Set(walked).size).toBe(walked.length)
    expect(walked.length).toBeGreaterThan(2)
    // Others may put something in between meanwhile.
    expect(items.filter((item) => walked.includes(item))).toEqual(walked)
  })
})

test('a page token of one list is none of another, or leads somewhere, and breaks nothing', async () => {
  for (const [name, rpc, place] of paged) {
    for (const [other, pageToken] of tokens) {
      const { code, reason } = await ask(name, rpc, place, { pageToken, ...sized(rpc, 1) })
      expect([name, other, reason]).toEqual([
        name,
        other,
        expect.toBeOneOf(other === name ? ['OK'] : ['OK', 'PAGE_TOKEN_INVALID']),
      ])
      expect(['OK', 'INVALID_ARGUMENT']).toContain(code)
    }
  }
})

function encode(json: string): string {
  return Buffer.from(json).toString('base64url')
}
