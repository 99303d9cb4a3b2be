import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type DiscoveredCatalog, startDiscoveredCatalog } from './testing/discovered-catalog.ts'
import { refusalOf } from './testing/refusal.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS } = Permission
const hour = 3_600
const day = 24 * hour

let world: DiscoveredCatalog
let { discovery, catalog, root, makeProgram, titleOf, settle } = {} as DiscoveredCatalog

async function start(): Promise<void> {
  world = await startDiscoveredCatalog()
  ;({ discovery, catalog, root, makeProgram, titleOf, settle } = world)
}

describe('while Discovery is dead', () => {
  // Each its own: an upstream that was away is left alone for some seconds.
  beforeEach(start)
  afterEach(() => world.stop())

  test('for an hour after the copies went stale, lists and the right to enroll go on', async () => {
    for (const key of ['p0', 'p1', 'p2']) await makeProgram(key)
    const partner = root
    const before = await partner.listPrograms({ permission: WRITE_ENROLLMENTS })
    expect(before.programs).toHaveLength(3)
    await discovery.die()
    await catalog.passSeconds(day)
    for (let minute = 0; minute <= 60; minute += 20) {
      const list = await partner.listPrograms({ permission: WRITE_ENROLLMENTS })
      expect(list.programs).toEqual(before.programs)
      const { program, courseRuns } = await partner.getProgram({
        key: 'p1',
        courseIds: ['CS-1'],
        requiredPermission: WRITE_ENROLLMENTS,
      })
      expect(program).toEqual(before.programs[1])
      expect(courseRuns['CS-1']?.key).toBe('course-v1:Stem+CS1+Fall')
      await settle()
      await catalog.passSeconds(20 * 60)
    }
    await discovery.revive()
    discovery.requests.length = 0
    // It may be left alone for some seconds yet.
    await expect
      .poll(
        async () => {
          await catalog.passSeconds(11)
          await titleOf('p1')
          await settle()
          return discovery.requests.length
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBeGreaterThan(0)
  })

  test('a program of which nothing is known goes by its key, without enrollments', async () => {
    await makeProgram('unknown')
    await discovery.die()
    const { program } = await root.getProgram({ key: 'unknown' })
    expect(program).toMatchObject({ title: 'unknown', permissions: [READ_METADATA, READ_REPORTS] })
    expect([program?.url, program?.type, program?.activeCurriculumUuid]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    const { programs } = await root.listPrograms({ titleContains: 'UNKN' })
    expect(programs).toEqual([program])
    expect((await root.listPrograms({ permission: READ_ENROLLMENTS })).programs).toEqual([])
  })

  test('who was given enrollments of such a program is told to come back, others that they may not', async () => {
    await makeProgram('unknown')
    await discovery.die()
    const request = { key: 'unknown', requiredPermission: WRITE_ENROLLMENTS }
    expect((await refusalOf(root.getProgram(request))).reason).toBe(Reason.UPSTREAM_UNAVAILABLE)
    const stranger = catalog.as('stranger').getProgram(request)
    expect((await refusalOf(stranger)).reason).toBe(Reason.PERMISSION_DENIED)
  })

  test('is as it was when it was flushed and Discovery does not answer', async () => {
    const json = await makeProgram('cs')
    await titleOf('cs')
    await discovery.die()
    await catalog.operator.flushProgramCache({ programKey: 'cs' })
    const { program } = await root.getProgram({ key: 'cs' })
    expect(program).toMatchObject({ title: json.title, type: 'Masters' })
    expect(program?.activeCurriculumUuid).toBeDefined()
    expect(program?.permissions).toContain(WRITE_ENROLLMENTS)
    expect((await catalog.operator.listCourseRuns({ programKey: 'cs' })).courseRuns).toHaveLength(1)
  })
})

describe('what Discovery cannot tell', () => {
  beforeAll(start)
  beforeEach(() => discovery.reset())
  afterEach(() => catalog.sql('delete from programs'))
  afterAll(() => world.stop())

  const faults: [string, { status: number; body: string } | 'drop'][] = [
    ['an error', { status: 500, body: 'x' }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['no object', { status: 200, body: '[1]' }],
    ['an object that is no program', { status: 200, body: '{"detail":"?"}' }],
    ['a broken connection', 'drop'],
    ['a refusal', { status: 403, body: '{}' }],
  ]

  test.each(faults)('changes nothing: %s', async (_, fault) => {
    const json = await makeProgram('cs')
    await titleOf('cs')
    discovery.misbehave = () => fault
    await catalog.operator.flushProgramCache({ programKey: 'cs' })
    expect(await titleOf('cs')).toBe(json.title)
  })

  test('is not asked for again for ten seconds, and then it is', async () => {
    const json = await makeProgram('cs')
    discovery.misbehave = () => ({ status: 403, body: '' })
    for (let round = 0; round < 5; round++) expect(await titleOf('cs')).toBe('cs')
    expect(discovery.requests).toHaveLength(1)
    discovery.misbehave = () => undefined
    await catalog.passSeconds(9)
    expect(await titleOf('cs')).toBe('cs')
    await catalog.passSeconds(2)
    expect(await titleOf('cs')).toBe(json.title)
  })

  test('because it has no such program leaves one without enrollments, that can come to be', async () => {
    const json = await makeProgram('early')
    discovery.programs.delete(json.uuid)
    const request = { key: 'early', requiredPermission: WRITE_ENROLLMENTS }
    expect((await refusalOf(root.getProgram(request))).reason).toBe(Reason.PERMISSION_DENIED)
    discovery.programs.set(json.uuid, json)
    await catalog.passSeconds(11)
    await expect(root.getProgram(request)).resolves.toMatchObject({ program: { title: json.title } })
  })

  test('is not told by what an operator typed in, except where nothing else is known', async () => {
    const json = discovery.add()
    const typed = { title: 'Typed', type: 'Masters', discoveryUuid: json.uuid }
    await catalog.operator.createProgram({ key: 'typed', organizationKey: 'stem', ...typed })
    discovery.misbehave = () => ({ status: 403, body: '' })
    const { program } = await root.getProgram({ key: 'typed', requiredPermission: READ_ENROLLMENTS })
    expect(program).toMatchObject({ title: 'Typed', type: 'Masters' })
    expect(program?.activeCurriculumUuid).toBeUndefined()
    discovery.misbehave = () => undefined
    await catalog.passSeconds(11)
    expect(await titleOf('typed')).toBe(json.title)
  })
})
