import { afterAll, beforeAll, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS } = Permission
const discoveryUuid = '5f2a6e0c-6a1b-4a49-9a0e-0d1b6a1e7c11'

let catalog: TestCatalog
let organizationId: string

beforeAll(async () => {
  catalog = await startTestCatalog()
  organizationId = await catalog.makeOrganization('stem')
})

afterAll(() => catalog.stop())

test('a program is made with all that was told, an active curriculum and no course runs', async () => {
  const request = {
    key: 'masters-in-cs',
    organizationKey: 'stem',
    discoveryUuid,
    title: 'Masters in CS',
    type: 'Masters',
    url: 'https://example.org/cs',
  }
  const { program } = await catalog.operator.createProgram(request)
  expect(program).toMatchObject({ ...request, organizationId, permissions: [] })
  expect(program?.activeCurriculumUuid).toMatch(/^[0-9a-f-]{36}$/)
  expect((await catalog.operator.getProgram({ key: 'masters-in-cs' })).program).toEqual(program)
  expect((await catalog.operator.listCourseRuns({ programKey: 'masters-in-cs' })).courseRuns).toEqual([])
})

test('a superuser makes one as well, and is told what a superuser holds on it', async () => {
  const root = catalog.as('root', { superuser: true })
  const masters = await root.createProgram({ key: 'masters', organizationKey: 'stem', type: 'Masters' })
  expect(masters.program?.permissions).toEqual([
    READ_METADATA,
    READ_ENROLLMENTS,
    WRITE_ENROLLMENTS,
    READ_REPORTS,
  ])
  const bare = await root.createProgram({ key: 'bare', organizationKey: 'stem' })
  expect(bare.program).toMatchObject({ title: 'bare', permissions: [READ_METADATA, READ_REPORTS] })
  expect(bare.program?.discoveryUuid).toMatch(/^[0-9a-f-]{36}$/)
})

test('others make none', async () => {
  for (const user of [{ staff: true }, { organizations: { [organizationId]: [WRITE_ENROLLMENTS] } }]) {
    const call = catalog.as('somebody', user).createProgram({ key: 'mine', organizationKey: 'stem' })
    expect((await refusalOf(call)).reason).toBe(Reason.PERMISSION_DENIED)
  }
  const search = catalog.operator.getProgram({ key: 'mine' })
  expect((await refusalOf(search)).reason).toBe(Reason.PROGRAM_NOT_FOUND)
})

test('an organization that is not there manages nothing', async () => {
  for (const organizationKey of ['nowhere', '', 'STEM']) {
    const call = catalog.operator.createProgram({ key: 'lost', organizationKey })
    expect((await refusalOf(call)).reason).toBe(Reason.ORGANIZATION_NOT_FOUND)
  }
})

test('a key is given once over all organizations, also to callers who come at once', async () => {
  await catalog.makeOrganization('arts')
  const calls = ['stem', 'arts', 'stem', 'arts'].map((organizationKey) =>
    catalog.operator.createProgram({ key: 'contested', organizationKey }),
  )
  const results = await Promise.allSettled(calls)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const again = catalog.operator.createProgram({ key: 'contested', organizationKey: 'stem' })
  expect((await refusalOf(again)).reason).toBe(Reason.ALREADY_EXISTS)
})

test('every field that is wrong is named', async () => {
  const call = catalog.operator.createProgram({
    key: 'a.b',
    organizationKey: 'stem',
    discoveryUuid: '5f2a6e0c6a1b4a499a0e0d1b6a1e7c11',
    title: 'nul\0',
    type: 't'.repeat(256),
    url: 'u'.repeat(2_049),
  })
  expect(await refusalOf(call)).toMatchObject({
    reason: Reason.INVALID_ARGUMENT,
    fields: ['key', 'discovery_uuid', 'title', 'type', 'url'],
  })
})
