import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type DiscoveredCatalog, startDiscoveredCatalog } from './testing/discovered-catalog.ts'
import { refusalOf } from './testing/refusal.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS } = Permission
const hour = 3_600
const day = 24 * hour
const soon = { timeout: 10_000 }

let world: DiscoveredCatalog
let { discovery, catalog, root, makeProgram, titleOf, settle } = {} as DiscoveredCatalog

beforeAll(async () => {
  world = await startDiscoveredCatalog()
  ;({ discovery, catalog, root, makeProgram, titleOf, settle } = world)
})
beforeEach(() => discovery.reset())
afterEach(() => catalog.sql('delete from programs'))
afterAll(() => world.stop())

const detailPath = ({ uuid }: { uuid: string }) => `/api/v1/programs/${uuid}/`

async function makePrograms(count: number): Promise<void> {
  for (let number = 0; number < count; number++) await makeProgram(`p${number}`)
}

describe('a program that was never read', () => {
  test('is fetched while its first caller waits, with everything that Discovery tells of it', async () => {
    const json = await makeProgram('cs')
    const { program, courseRuns } = await root.getProgram({ key: 'cs', courseIds: ['CS-1', 'x+y+z'] })
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
    const both = [catalog.operator, twin.operator].flatMap((client) =>
      Array.from({ length: 10 }, () => client.getProgram({ key: 'shared' })),
    )
    const titles = (await Promise.all(both)).map(({ program }) => program?.title)
    expect(new Set(titles)).toEqual(new Set([json.title]))
    expect(discovery.requests).toHaveLength(1)

    await catalog.passSeconds(2 * day)
    await Promise.all([titleOf('shared'), twin.operator.getProgram({ key: 'shared' })])
    await expect.poll(() => discovery.requests, soon).toHaveLength(2)
    await settle()
    await Promise.all([titleOf('shared'), twin.operator.getProgram({ key: 'shared' })])
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
    await settle()
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
    await expect.poll(() => titleOf('cs'), soon).toBe('Renamed')
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

  test('does not get back by a flush what was being fetched before it', async () => {
    const json = await makeProgram('cs')
    discovery.delayMs = 800
    const early = titleOf('cs')
    await expect.poll(() => discovery.requests, soon).toHaveLength(1)
    discovery.delayMs = 0
    discovery.add({ ...json, title: 'New' })
    await catalog.operator.flushProgramCache({ programKey: 'cs' })
    expect(await titleOf('cs')).toBe('New')
    await early
    expect(await titleOf('cs')).toBe('New')
  })
})

describe('a list', () => {
  test('of 200 programs that were never read costs a handful of requests', async () => {
    await makePrograms(200)
    const { programs } = await root.listPrograms({ pageSize: 200 })
    expect(programs).toHaveLength(200)
    expect(programs.every(({ title, type }) => title.startsWith('Title of') && type === 'Masters')).toBe(true)
    expect(discovery.requests.length).toBeLessThanOrEqual(4)
    const again = await root.listPrograms({ pageSize: 200 })
    expect(again.programs).toEqual(programs)
    expect(discovery.requests.length).toBeLessThanOrEqual(4)
  })

  test('follows the pages of Discovery, whatever host their links name', async () => {
    await makePrograms(45)
    discovery.pageSize = 20
    const { programs } = await root.listPrograms({})
    expect(programs.filter(({ type }) => type === 'Masters')).toHaveLength(45)
    expect(discovery.requests).toHaveLength(3)
  })

  test('filtered by title or by enrollments finds programs that were never read', async () => {
    await makeProgram('mba', discovery.add({ title: 'An MBA', type: 'MBA' }))
    await makeProgram('cs', discovery.add({ title: 'Computing' }))
    expect((await root.listPrograms({ titleContains: 'mba', pageSize: 1 })).programs).toMatchObject([
      { key: 'mba', title: 'An MBA' },
    ])
    const answer = await root.listPrograms({ permission: WRITE_ENROLLMENTS, pageSize: 1 })
    expect(answer).toMatchObject({ programs: [{ key: 'cs' }], totalSize: 1, nextPageToken: '' })
    expect(discovery.requests).toHaveLength(1)
  })

  test('filtered by title finds in time what was renamed', async () => {
    const json = await makeProgram('cs', discovery.add({ title: 'Old' }))
    await titleOf('cs')
    discovery.add({ ...json, title: 'Fresh' })
    await catalog.passSeconds(day + 1)
    expect((await root.listPrograms({ titleContains: 'fresh' })).programs).toEqual([])
    const found = async () => (await root.listPrograms({ titleContains: 'fresh' })).programs
    await expect.poll(found, soon).toHaveLength(1)
  })

  test('shows the rest when Discovery has one program less', async () => {
    await makePrograms(3)
    await makeProgram('gone')
    discovery.programs.delete([...discovery.programs.keys()][3] as string)
    const { programs } = await root.listPrograms({})
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
    await root.listPrograms({})
    await settle()
    const { programs } = await root.listPrograms({})
    expect(programs.every(({ activeCurriculumUuid }) => activeCurriculumUuid !== undefined)).toBe(true)
  })
})

test('course runs are not added where Discovery keeps them', async () => {
  await makeProgram('cs')
  const call = catalog.operator.addCourseRun({ programKey: 'cs', courseRun: { key: 'a+b+c' } })
  expect((await refusalOf(call)).reason).toBe(Reason.WRONG_BACKEND)
})

test('what a process was fetching when it was stopped can be fetched at once', async () => {
  const json = await makeProgram('cs')
  await titleOf('cs')
  discovery.add({ ...json, title: 'New' })
  await catalog.passSeconds(2 * day)
  const twin = await catalog.startTwin()
  discovery.misbehave = () => 'hang'
  await twin.operator.getProgram({ key: 'cs' })
  await expect.poll(() => discovery.requests, soon).toHaveLength(2)
  await twin.stop()
  discovery.misbehave = () => undefined
  await expect.poll(() => titleOf('cs'), soon).toBe('New')
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
  await expect.poll(() => titleOf('cs'), soon).toBe(json.title)
})
