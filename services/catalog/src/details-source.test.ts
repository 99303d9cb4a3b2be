import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { startTestCatalog, type TestCatalog } from './testing/catalog.ts'
import { type ProgramJson, startTestDiscovery, type TestDiscovery } from './testing/discovery.ts'
import { refusalOf } from './testing/refusal.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS } = Permission
const hour = 3_600
const day = 24 * hour

let discovery: TestDiscovery
let catalog: TestCatalog

beforeAll(async () => {
  discovery = await startTestDiscovery()
  catalog = await startTestCatalog(discovery.settings)
  await catalog.makeOrganization('stem')
})
beforeEach(() => discovery.reset())
afterEach(() => catalog.sql('delete from programs'))
afterAll(async () => {
  await catalog.stop()
  await discovery.stop()
})

/** Makes a program of which the catalog knows nothing but its id in Discovery. */
async function makeProgram(key: string, json: ProgramJson = discovery.add()): Promise<ProgramJson> {
  await catalog.operator.createProgram({ key, organizationKey: 'stem', discoveryUuid: json.uuid })
  return json
}

async function makePrograms(count: number): Promise<void> {
  for (let number = 0; number < count; number++) await makeProgram(`p${number}`)
}

const asRoot = () => catalog.as('root', { superuser: true })
const detailPath = ({ uuid }: { uuid: string }) => `/api/v1/programs/${uuid}/`

async function titleOf(key: string): Promise<string | undefined> {
  return (await catalog.operator.getProgram({ key })).program?.title
}

/** Nothing is being fetched any more. */
async function settled(): Promise<void> {
  await expect
    .poll(() => catalog.sql('select 1 from program_details where claim is not null'), { timeout: 20_000 })
    .toEqual([])
}

describe('a program that was never read', () => {
  test('is fetched while its first caller waits, with everything that Discovery tells of it', async () => {
    const json = await makeProgram('cs')
    const { program, courseRuns } = await asRoot().getProgram({ key: 'cs', courseIds: ['CS-1', 'x+y+z'] })
    expect(program).toMatchObject({
      title: json.title,
      url: json.marketing_url,
      type: 'Masters',
      discoveryUuid: json.uuid,
      activeCurriculumUuid: (json.curricula as { uuid: string }[])[0]?.uuid,
      permissions: [READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS],
    })
    expect(Object.keys(courseRuns)).toEqual(['CS-1'])
    const runs = await catalog.operator.listCourseRuns({ programKey: 'cs' })
    expect(runs.courseRuns).toMatchObject([{ key: 'course-v1:Stem+CS1+Fall', externalKey: 'CS-1' }])
    expect(discovery.requests).toEqual([detailPath(json)])
  })

  test('is fetched once, however many callers wait', async () => {
    const json = await makeProgram('popular')
    discovery.delayMs = 300
    const titles = await Promise.all(Array.from({ length: 50 }, () => titleOf('popular')))
    expect(new Set(titles)).toEqual(new Set([json.title]))
    expect(discovery.requests).toHaveLength(1)
  })

  test('is fetched once by all processes together', async () => {
    const twin = await catalog.startTwin()
    const json = await makeProgram('shared')
    discovery.delayMs = 300
    const both = [catalog.operator, twin].flatMap((client) =>
      Array.from({ length: 10 }, () => client.getProgram({ key: 'shared' })),
    )
    const titles = (await Promise.all(both)).map(({ program }) => program?.title)
    expect(new Set(titles)).toEqual(new Set([json.title]))
    expect(discovery.requests).toHaveLength(1)

    await catalog.passSeconds(2 * day)
    await Promise.all([titleOf('shared'), twin.getProgram({ key: 'shared' })])
    await settled()
    expect(discovery.requests).toHaveLength(2)
  })

  test('is not fetched for those who may do nothing with it', async () => {
    await makeProgram('private')
    const { program } = await catalog.as('stranger').getProgram({ key: 'private' })
    expect(program).toMatchObject({ key: 'private', title: '', permissions: [] })
    expect(discovery.requests).toEqual([])
  })

  test('carries the request id of the caller who waits', async () => {
    await makeProgram('traced')
    await catalog.operator.getProgram({ key: 'traced' }, { headers: { 'x-request-id': 'my-request' } })
    expect(discovery.requestIds).toEqual(['my-request'])
  })

  test('whose caller has little time is answered in time, and known to the next', async () => {
    const json = await makeProgram('slow')
    discovery.delayMs = 1_500
    const { program } = await catalog.operator.getProgram({ key: 'slow' }, { timeoutMs: 900 })
    expect(program?.title).toBe('slow')
    await settled()
    expect(await titleOf('slow')).toBe(json.title)
    expect(discovery.requests).toHaveLength(1)
  })
})

describe('a program that was read before', () => {
  test('is not asked for again while its copy is fresh', async () => {
    const json = await makeProgram('cs')
    await titleOf('cs')
    discovery.programs.set(json.uuid, { ...json, title: 'Renamed' })
    await catalog.passSeconds(day - hour)
    expect(await titleOf('cs')).toBe(json.title)
    expect(discovery.requests).toHaveLength(1)
  })

  test('is answered at once from a stale copy, and a new one is fetched behind that, once', async () => {
    const json = await makeProgram('cs')
    await titleOf('cs')
    const curricula = [{ uuid: json.uuid, is_active: true, courses: [{ course_runs: [{ key: 'n+e+w' }] }] }]
    discovery.programs.set(json.uuid, { ...json, title: 'Renamed', curricula })
    await catalog.passSeconds(day + 1)
    discovery.delayMs = 500
    const titles = await Promise.all(Array.from({ length: 20 }, () => titleOf('cs')))
    expect(new Set(titles)).toEqual(new Set([json.title]))
    await settled()
    expect(await titleOf('cs')).toBe('Renamed')
    const { courseRuns } = await catalog.operator.listCourseRuns({ programKey: 'cs' })
    expect(courseRuns.map(({ key }) => key)).toEqual(['n+e+w'])
    expect(discovery.requests).toHaveLength(2)
  })

  test('is fetched anew after a flush, while the caller waits', async () => {
    const json = await makeProgram('cs')
    const other = await makeProgram('other')
    await titleOf('cs')
    await titleOf('other')
    for (const { uuid } of [json, other]) discovery.add({ ...discovery.programs.get(uuid), title: 'New' })
    await catalog.as('staff', { staff: true }).flushProgramCache({ programKey: 'cs' })
    expect([await titleOf('cs'), await titleOf('other')]).toEqual(['New', other.title])
    await catalog.operator.flushProgramCache({})
    expect(await titleOf('other')).toBe('New')
  })

  test('is as it was when it was flushed and Discovery does not answer', async () => {
    const json = await makeProgram('cs')
    await titleOf('cs')
    await discovery.die()
    await catalog.operator.flushProgramCache({ programKey: 'cs' })
    const { program } = await asRoot().getProgram({ key: 'cs' })
    expect(program).toMatchObject({ title: json.title, type: 'Masters' })
    expect(program?.activeCurriculumUuid).toBeDefined()
    expect(program?.permissions).toContain(WRITE_ENROLLMENTS)
    expect((await catalog.operator.listCourseRuns({ programKey: 'cs' })).courseRuns).toHaveLength(1)
  })

  test('does not get back by a flush what was being fetched before it', async () => {
    const json = await makeProgram('cs')
    discovery.delayMs = 400
    const early = titleOf('cs')
    await expect.poll(() => discovery.requests).toHaveLength(1)
    discovery.add({ ...json, title: 'New' })
    await catalog.operator.flushProgramCache({ programKey: 'cs' })
    expect(await titleOf('cs')).toBe('New')
    await early
    expect(await titleOf('cs')).toBe('New')
  })
})

describe('while Discovery is dead', () => {
  test('for an hour after the copies went stale, lists and the right to enroll go on', async () => {
    await makePrograms(3)
    const partner = asRoot()
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
      await settled()
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
          await settled()
          return discovery.requests.length
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBeGreaterThan(0)
  })

  test('a program of which nothing is known goes by its key, without enrollments', async () => {
    await makeProgram('unknown')
    await discovery.die()
    const { program } = await asRoot().getProgram({ key: 'unknown' })
    expect(program).toMatchObject({ title: 'unknown', permissions: [READ_METADATA, READ_REPORTS] })
    expect([program?.url, program?.type, program?.activeCurriculumUuid]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    const { programs } = await asRoot().listPrograms({ titleContains: 'UNKN' })
    expect(programs).toEqual([program])
    expect((await asRoot().listPrograms({ permission: READ_ENROLLMENTS })).programs).toEqual([])
  })

  test('who was given enrollments of such a program is told to come back, others that they may not', async () => {
    await makeProgram('unknown')
    await discovery.die()
    const request = { key: 'unknown', requiredPermission: WRITE_ENROLLMENTS }
    expect((await refusalOf(asRoot().getProgram(request))).reason).toBe(Reason.UPSTREAM_UNAVAILABLE)
    const stranger = catalog.as('stranger').getProgram(request)
    expect((await refusalOf(stranger)).reason).toBe(Reason.PERMISSION_DENIED)
  })
})

describe('what Discovery cannot tell', () => {
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
    expect((await refusalOf(asRoot().getProgram(request))).reason).toBe(Reason.PERMISSION_DENIED)
    discovery.programs.set(json.uuid, json)
    await catalog.passSeconds(11)
    await expect(asRoot().getProgram(request)).resolves.toMatchObject({ program: { title: json.title } })
  })

  test('is not told by what an operator typed in, except where nothing else is known', async () => {
    const json = discovery.add()
    const typed = { title: 'Typed', type: 'Masters', discoveryUuid: json.uuid }
    await catalog.operator.createProgram({ key: 'typed', organizationKey: 'stem', ...typed })
    discovery.misbehave = () => ({ status: 403, body: '' })
    const { program } = await asRoot().getProgram({ key: 'typed', requiredPermission: READ_ENROLLMENTS })
    expect(program).toMatchObject({ title: 'Typed', type: 'Masters' })
    expect(program?.activeCurriculumUuid).toBeUndefined()
    discovery.misbehave = () => undefined
    await catalog.passSeconds(11)
    expect(await titleOf('typed')).toBe(json.title)
  })
})

describe('a list', () => {
  test('of 200 programs that were never read costs a handful of requests', async () => {
    await makePrograms(200)
    const { programs } = await asRoot().listPrograms({ pageSize: 200 })
    expect(programs).toHaveLength(200)
    expect(programs.every(({ title, type }) => title.startsWith('Title of') && type === 'Masters')).toBe(true)
    expect(discovery.requests.length).toBeLessThanOrEqual(4)
    const again = await asRoot().listPrograms({ pageSize: 200 })
    expect(again.programs).toEqual(programs)
    expect(discovery.requests.length).toBeLessThanOrEqual(4)
  })

  test('follows the pages of Discovery, whatever host their links name', async () => {
    await makePrograms(45)
    discovery.pageSize = 20
    const { programs } = await asRoot().listPrograms({})
    expect(programs.filter(({ type }) => type === 'Masters')).toHaveLength(45)
    expect(discovery.requests).toHaveLength(3)
  })

  test('filtered by title or by enrollments finds programs that were never read', async () => {
    await makeProgram('mba', discovery.add({ title: 'An MBA', type: 'MBA' }))
    await makeProgram('cs', discovery.add({ title: 'Computing' }))
    expect((await asRoot().listPrograms({ titleContains: 'mba', pageSize: 1 })).programs).toMatchObject([
      { key: 'mba', title: 'An MBA' },
    ])
    const answer = await asRoot().listPrograms({ permission: WRITE_ENROLLMENTS, pageSize: 1 })
    expect(answer).toMatchObject({ programs: [{ key: 'cs' }], totalSize: 1, nextPageToken: '' })
    expect(discovery.requests).toHaveLength(1)
  })

  test('filtered by title finds in time what was renamed', async () => {
    const json = await makeProgram('cs', discovery.add({ title: 'Old' }))
    await titleOf('cs')
    discovery.add({ ...json, title: 'Fresh' })
    await catalog.passSeconds(day + 1)
    expect((await asRoot().listPrograms({ titleContains: 'fresh' })).programs).toEqual([])
    await settled()
    expect((await asRoot().listPrograms({ titleContains: 'fresh' })).programs).toHaveLength(1)
  })

  test('shows the rest when Discovery has one program less', async () => {
    await makePrograms(3)
    await makeProgram('gone')
    discovery.programs.delete([...discovery.programs.keys()][3] as string)
    const { programs } = await asRoot().listPrograms({})
    expect(programs.map(({ title }) => title.startsWith('Title of'))).toEqual([true, true, true, false])
  })

  test.each([
    ['the list fails', () => ({ status: 500, body: '' })],
    ['the filter is not known', () => undefined],
    ['the list tells nothing of curricula', () => undefined],
  ])('is completed one by one when %s', async (what, misbehaviour) => {
    await makePrograms(3)
    if (what.includes('filter')) discovery.add()
    discovery.misbehave = (path) => {
      if (!path.includes('?')) return undefined
      if (what.includes('filter')) {
        return {
          status: 200,
          body: JSON.stringify({ next: null, results: [...discovery.programs.values()] }),
        }
      }
      if (what.includes('curricula')) {
        const results = [...discovery.programs.values()].map(({ curricula: _, ...outline }) => outline)
        return { status: 200, body: JSON.stringify({ next: null, results }) }
      }
      return misbehaviour()
    }
    await asRoot().listPrograms({})
    await settled()
    const { programs } = await asRoot().listPrograms({})
    expect(programs.every(({ activeCurriculumUuid }) => activeCurriculumUuid !== undefined)).toBe(true)
  })
})

test('course runs are not added where Discovery keeps them', async () => {
  await makeProgram('cs')
  const call = catalog.operator.addCourseRun({ programKey: 'cs', courseRun: { key: 'a+b+c' } })
  expect((await refusalOf(call)).reason).toBe(Reason.WRONG_BACKEND)
})

test('what a process was fetching when it was killed is fetched by another after a while', async () => {
  const json = await makeProgram('cs')
  await catalog.sql(
    `update program_details set claim = gen_random_uuid(), claimed_until = now() + interval '30 seconds'`,
  )
  const { program } = await catalog.operator.getProgram({ key: 'cs' }, { timeoutMs: 1_500 })
  expect(program?.title).toBe('cs')
  expect(discovery.requests).toEqual([])
  await catalog.passSeconds(31)
  await expect.poll(() => titleOf('cs')).toBe(json.title)
})
