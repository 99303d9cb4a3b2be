import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { runningWorld } from '../fixtures/running.ts'
import type { World } from '../fixtures/world.ts'
import { areStatuses, type Block, isShown, type Outcome, readBlocks, runBlocks, sectionOf } from './guide.ts'

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
const school = `school-${randomBytes(4).toString('hex')}`
const programKey = `${school}-cs`
const partner = `script-of-${school}`
const replacements = { 'masters-in-cs': programKey }

const partnerGuide = readBlocks(await read('docs/partners.md'), replacements)
const readme = await read('README.md')

let world: World
let lms: Server

beforeAll(async () => {
  world = await runningWorld()
  await makeSchool(world)
  lms = await playLms(await world.token(partner))
})
afterAll(() => void lms.close())

/** The school of the guide: a program with two course runs, three learners, grades, and a report. */
async function makeSchool({ operator, addresses }: World): Promise<void> {
  const { catalog, accessControl, enrollment } = operator
  const { organization } = await catalog.createOrganization({ key: school })
  const resource = { target: { case: 'organizationId' as const, value: organization?.id ?? '' } }
  const roles = ['organization_read_write_enrollments', 'organization_read_reports']
  for (const role of roles) await accessControl.createGroup({ name: `${school} ${role}`, role, resource })
  await accessControl.createUser({ username: partner, groupNames: roles.map((role) => `${school} ${role}`) })

  const { program } = await catalog.createProgram({
    key: programKey,
    organizationKey: school,
    title: 'Master of Computer Science',
    type: 'Masters',
    url: `https://school.example.com/${programKey}`,
  })
  await catalog.createProgram({ key: `${school}-stats`, organizationKey: school, type: 'MicroMasters' })
  const courseId = 'course-v1:SchoolX+CS501+2027T1'
  const url = 'https://courses.example.com/cs501'
  const algorithms = { key: courseId, externalKey: 'CS-501', title: 'Algorithms', url }
  const systems = { key: 'course-v1:SchoolX+CS502+2027T1', title: 'Distributed Systems' }
  for (const courseRun of [algorithms, systems]) await catalog.addCourseRun({ programKey, courseRun })

  const mode = WriteMode.CREATE_OR_UPDATE
  const statuses = { 's-001': 'enrolled', 's-002': 'pending', 's-003': 'enrolled' }
  const enrollments = Object.entries(statuses).map(([studentKey, status]) => ({ studentKey, status }))
  await enrollment.writeProgramEnrollments({ programKey, mode, enrollments })
  const withAccounts = ['s-001', 's-003']
  const accounts = withAccounts.map((studentKey) => ({ studentKey, username: `${studentKey}-${school}` }))
  await enrollment.linkAccounts({ programKey, accounts })
  const active = withAccounts.map((studentKey) => ({ studentKey, status: 'active' }))
  await enrollment.writeCourseEnrollments({ programKey, courseId, mode, enrollments: active })
  const grade = { letterGrade: 'A', percent: '0.950', passed: true }
  const grades = [
    { studentKey: 's-001', outcome: { case: 'grade' as const, value: grade } },
    { studentKey: 's-003', outcome: { case: 'error' as const, value: 'No grade yet' } },
  ]
  await enrollment.recordCourseGrades({ programKey, courseId, grades })

  const programFolder = (program?.discoveryUuid ?? '').replaceAll('-', '')
  const reports = join(addresses.dataDir, 'media/program-reports/reports_v2', school, programFolder)
  await mkdir(reports, { recursive: true })
  await writeFile(join(reports, 'individual_report__2026-01-05.csv'), 'made up\n')
  await writeFile(join(reports, 'individual_report__2025-12-31.csv'), 'made up\n')
}

/** As much of an LMS as gives out a token for a client's credentials. */
async function playLms(token: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    const form = Object.fromEntries(new URLSearchParams(await text(request)))
    const wanted = {
      grant_type: 'client_credentials',
      token_type: 'jwt',
      client_id: 'the-id',
      client_secret: 'the-secret',
    }
    const isRight =
      request.url === '/oauth2/access_token' &&
      Object.entries(wanted).every(([name, value]) => form[name] === value)
    response.writeHead(isRight ? 200 : 401, { 'content-type': 'application/json' })
    response.end(isRight ? `{"access_token": "${token}", "expires_in": 3600, "token_type": "JWT"}` : '{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** A test for each block: it ran, curl got the statuses that are told, and what is shown was printed. */
function testBlocks(blocks: readonly Block[], given: () => Promise<Record<string, string>>): void {
  let outcomes: Outcome[] = []
  let errors = ''
  beforeAll(async () => {
    ;({ outcomes, errors } = await runBlocks(blocks, await given()))
  })
  test.each(blocks.map((block, index) => ({ ...block, index })))(
    '$index: $title',
    ({ index, statuses, shown }) => {
      const outcome = outcomes[index]
      expect(outcome, errors).toMatchObject({ isDone: true })
      if (outcome === undefined) return
      expect(areStatuses(outcome.statuses, statuses), `${outcome.statuses}\n${outcome.output}`).toBe(true)
      if (shown !== undefined) expect(isShown(outcome.output, shown), outcome.output).toBe(true)
    },
  )
}

describe('the commands of the partners’ guide do what it says', () => {
  testBlocks(partnerGuide, async () => ({
    LMS: `http://127.0.0.1:${(lms.address() as AddressInfo).port}`,
    API: `${world.addresses.gateway}/api/v1`,
    CLIENT_ID: 'the-id',
    CLIENT_SECRET: 'the-secret',
    PROGRAM: programKey,
  }))
})

describe('the first five minutes of a partner, in the README', () => {
  testBlocks(readBlocks(sectionOf(readme, '### A partner'), { 'demo-masters': programKey }), async () => ({
    TOKEN: await world.token(partner),
    API: `${world.addresses.gateway}/api/v1`,
  }))
})

const operatorsBlocks = [
  ...readBlocks(sectionOf(readme, '### Operations'), { acme: `acme-${school}` }),
  ...readBlocks(await read('docs/operations.md')),
]

describe('an operator’s commands, in the README and the guide', () => {
  testBlocks(operatorsBlocks, async () => ({
    REGISTRAR_DATA_DIR: world.addresses.dataDir,
    ACCESS_CONTROL_URL: world.addresses.accessControl,
    CATALOG_URL: world.addresses.catalog,
    ENROLLMENT_URL: world.addresses.enrollment,
    JOBS_URL: world.addresses.jobs,
  }))
})

test.each([
  [['200', '404'], '# 200\n# 202'],
  [['200'], '# 200\n# 200'],
  [['200', '200'], ''],
])('statuses %j are not what %j tells', (found, commands) => {
  const [block] = readBlocks(`\n\`\`\`sh\n${commands}\n\`\`\`\n`)
  expect(areStatuses(found, block?.statuses ?? [])).toBe(false)
})

test.each([
  ['{"a":1,"b":[]}', '{ "a": 1 }'],
  ['{"a":"x"}', '{ "a": "y…" }'],
  ['{"a":[1,2]}', '{ "a": [1] }'],
  ['{"b":1,"a":2}', '{ "a": 2, "b": 1 }'],
  ['', '[]'],
])('%s is not what %s shows', (output, shown) => {
  expect(isShown(output, { language: 'json', text: shown })).toBe(false)
})
