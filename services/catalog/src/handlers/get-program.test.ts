import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { everyPermission } from '../testing/access-control.ts'
import { connectAnonymously, startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS } = Permission

let catalog: TestCatalog
let organizationId: string
let mastersId: string

beforeAll(async () => {
  catalog = await startTestCatalog()
  organizationId = await catalog.makeOrganization('stem')
  mastersId = await catalog.makeProgram('masters-in-cs', 'stem', { title: 'Masters in CS', type: 'Masters' })
  await catalog.makeProgram('bare', 'stem')
  for (const [key, externalKey] of [
    ['course-v1:Stem+CS1+Fall', 'CS-1'],
    ['Stem/CS2/Fall', undefined],
  ]) {
    await catalog.operator.addCourseRun({ programKey: 'masters-in-cs', courseRun: { key, externalKey } })
  }
})

afterAll(() => catalog.stop())

beforeEach(() => {
  catalog.accessControl.calls.length = 0
})

describe('a user', () => {
  test('gets the program, who they are and what they hold, for one question to access-control', async () => {
    const partner = catalog.as('partner', {
      organizations: { [organizationId]: [READ_METADATA, READ_ENROLLMENTS] },
      programs: { [mastersId]: [READ_REPORTS] },
    })
    const { program, caller } = await partner.getProgram(
      { key: 'masters-in-cs' },
      { headers: { 'x-request-id': 'request-1' } },
    )
    expect(program).toMatchObject({
      id: mastersId,
      key: 'masters-in-cs',
      title: 'Masters in CS',
      type: 'Masters',
      organizationId,
      organizationKey: 'stem',
      permissions: [READ_METADATA, READ_ENROLLMENTS, READ_REPORTS],
    })
    expect(program?.url).toBeUndefined()
    expect(program?.activeCurriculumUuid).toMatch(/^[0-9a-f-]{36}$/)
    expect(program?.createTime).toBeDefined()
    expect(caller).toMatchObject({ username: 'partner', superuser: false })
    expect(catalog.accessControl.calls).toEqual([{ rpc: 'ResolvePermissions', requestId: 'request-1' }])
  })

  test('who may not read metadata sees no more than the outline and what they hold', async () => {
    const writer = catalog.as('writer', { programs: { [mastersId]: [WRITE_ENROLLMENTS] } })
    const { program, courseRuns } = await writer.getProgram({ key: 'masters-in-cs', courseIds: ['CS-1'] })
    expect(program).toMatchObject({
      id: mastersId,
      key: 'masters-in-cs',
      organizationId,
      organizationKey: 'stem',
    })
    expect(program?.permissions).toEqual([WRITE_ENROLLMENTS])
    expect(program).toMatchObject({ discoveryUuid: '', title: '' })
    expect([program?.type, program?.activeCurriculumUuid, program?.createTime]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(courseRuns).toEqual({})
  })

  test('who holds the permission that is required sees everything', async () => {
    const writer = catalog.as('writer', { programs: { [mastersId]: [WRITE_ENROLLMENTS] } })
    const { program, courseRuns } = await writer.getProgram({
      key: 'masters-in-cs',
      courseIds: ['CS-1'],
      requiredPermission: WRITE_ENROLLMENTS,
    })
    expect(program?.title).toBe('Masters in CS')
    expect(courseRuns).toHaveProperty('CS-1')
  })

  test('who lacks the permission that is required is refused and told which it is', async () => {
    const reader = catalog.as('reader', { programs: { [mastersId]: [READ_METADATA] } })
    const call = reader.getProgram({ key: 'masters-in-cs', requiredPermission: READ_ENROLLMENTS })
    expect(await refusalOf(call)).toMatchObject({
      reason: Reason.PERMISSION_DENIED,
      metadata: { missing_permission: 'read_enrollments' },
    })
  })

  test('holds no enrollment permission on a program of another or unknown type, superuser or not', async () => {
    await catalog.makeProgram('mba', 'stem', { type: 'masters' })
    for (const user of [{ superuser: true }, { global: everyPermission }]) {
      const caller = catalog.as('anybody', user)
      for (const key of ['mba', 'bare']) {
        const { program } = await caller.getProgram({ key })
        expect(program?.permissions).toEqual([READ_METADATA, READ_REPORTS])
        const call = caller.getProgram({ key, requiredPermission: WRITE_ENROLLMENTS })
        expect((await refusalOf(call)).reason).toBe(Reason.PERMISSION_DENIED)
      }
    }
  })

  test('sees the key as the title of a program without one', async () => {
    const { program } = await catalog.as('root', { superuser: true }).getProgram({ key: 'bare' })
    expect([program?.title, program?.type]).toEqual(['bare', undefined])
  })

  test.each(['nothing-here', 'MASTERS-IN-CS', 'a.b', 'é', 'nul\0', ''])(
    'is told that there is no program %j',
    async (key) => {
      const call = catalog.as('root', { superuser: true }).getProgram({ key })
      expect((await refusalOf(call)).reason).toBe(Reason.PROGRAM_NOT_FOUND)
    },
  )

  test('who is inactive is refused, whether the program exists or not', async () => {
    const inactive = catalog.as('former', { inactive: true })
    for (const key of ['masters-in-cs', 'nothing-here']) {
      expect((await refusalOf(inactive.getProgram({ key }))).reason).toBe(Reason.USER_INACTIVE)
    }
  })

  test('cannot require a permission that nobody holds on a program', async () => {
    for (const requiredPermission of [Permission.JOB_GLOBAL_READ, 99 as Permission]) {
      const call = catalog.as('root', { superuser: true }).getProgram({ key: 'bare', requiredPermission })
      expect((await refusalOf(call)).reason).toBe(Reason.INVALID_ARGUMENT)
    }
  })
})

describe('course runs', () => {
  test('are found by internal and external key, exactly', async () => {
    const { courseRuns } = await catalog.worker.getProgram({
      key: 'masters-in-cs',
      courseIds: [
        'CS-1',
        'course-v1:Stem+CS1+Fall',
        'Stem/CS2/Fall',
        'cs-1',
        'unknown',
        'nul\0',
        "' or true --",
      ],
    })
    const keys = Object.entries(courseRuns).map(([id, { key }]) => [id, key])
    expect(Object.fromEntries(keys)).toEqual({
      'CS-1': 'course-v1:Stem+CS1+Fall',
      'course-v1:Stem+CS1+Fall': 'course-v1:Stem+CS1+Fall',
      'Stem/CS2/Fall': 'Stem/CS2/Fall',
    })
    expect(courseRuns['CS-1']?.externalKey).toBe('CS-1')
    expect(courseRuns['Stem/CS2/Fall']?.externalKey).toBeUndefined()
  })

  test('are not found without an active curriculum', async () => {
    const id = await catalog.makeProgram('retired', 'stem')
    await catalog.operator.addCourseRun({ programKey: 'retired', courseRun: { key: 'a+b+c' } })
    await catalog.sql('update program_details set active_curriculum_uuid = null where program_id = $1', [id])
    const { program, courseRuns } = await catalog.worker.getProgram({ key: 'retired', courseIds: ['a+b+c'] })
    expect([program?.activeCurriculumUuid, courseRuns]).toEqual([undefined, {}])
  })

  test('can be asked for by a thousand ids and no more', async () => {
    const courseIds = Array.from({ length: 1_000 }, () => randomUUID())
    await expect(catalog.worker.getProgram({ key: 'bare', courseIds })).resolves.toMatchObject({
      courseRuns: {},
    })
    const call = catalog.worker.getProgram({ key: 'bare', courseIds: [...courseIds, 'x'] })
    expect((await refusalOf(call)).reason).toBe(Reason.TOO_LARGE)
  })
})

test('our own processes pass every check, and access-control is not asked', async () => {
  for (const client of [catalog.worker, catalog.operator]) {
    const answer = await client.getProgram({ key: 'masters-in-cs', requiredPermission: WRITE_ENROLLMENTS })
    expect(answer.caller).toBeUndefined()
    expect(answer.program).toMatchObject({ title: 'Masters in CS', permissions: [] })
    expect((await refusalOf(client.getProgram({ key: 'nothing-here' }))).reason).toBe(
      Reason.PROGRAM_NOT_FOUND,
    )
  }
  expect(catalog.accessControl.calls).toEqual([])
})

test('a program of which nothing is known is a program without enrollments and curriculum', async () => {
  const id = randomUUID()
  await catalog.sql(
    `insert into programs (id, key, discovery_uuid, organization_id, created, updated)
     values ($1, 'unknown-details', $1, $2, now(), now())`,
    [id, organizationId],
  )
  const { program } = await catalog.as('root', { superuser: true }).getProgram({ key: 'unknown-details' })
  expect(program).toMatchObject({ id, title: 'unknown-details', permissions: [READ_METADATA, READ_REPORTS] })
})

test('without a valid token nobody gets anything', async () => {
  const anonymous = connectAnonymously(catalog.url)
  expect((await refusalOf(anonymous.getProgram({ key: 'bare' }))).reason).toBe(Reason.CREDENTIALS_MISSING)
  const headers = { authorization: `JWT ${await catalog.tokens.mint({ aud: 'someone else' })}` }
  expect((await refusalOf(anonymous.getProgram({ key: 'bare' }, { headers }))).reason).toBe(
    Reason.TOKEN_INVALID,
  )
})
