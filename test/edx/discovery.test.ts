import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Edx, startEdx } from './edx.ts'
import { callStandIn } from './testing.ts'

let edx: Edx
let token: string

beforeAll(async () => {
  edx = await startEdx()
  token = await edx.lms.tokens.mint('worker', { administrator: true })
})

afterAll(() => edx.close())

const get = (path: string) => callStandIn(edx.discovery, path, { token })
const makeProgram = (more: Partial<Parameters<Edx['addProgram']>[0]> = {}) => {
  const program = {
    uuid: randomUUID(),
    title: 'Robotics',
    curriculumUuid: randomUUID(),
    courseRuns: [{ key: 'course-v1:Org+A+1', externalKey: 'A-1', title: 'Kinematics' }],
    ...more,
  }
  edx.addProgram(program)
  return program
}

test('a program is found by its uuid, by way of a redirect when the last slash is missing', async () => {
  const { uuid, curriculumUuid } = makeProgram()
  const redirect = await get(`/api/v1/programs/${uuid}`)
  expect(redirect.status).toBe(301)
  expect(redirect.headers.get('location')).toBe(`/api/v1/programs/${uuid}/`)
  expect((await get(`/api/v1/programs/${uuid}/`)).body).toMatchObject({
    uuid,
    title: 'Robotics',
    type: 'Masters',
    marketing_url: 'https://www.example.org/masters/robotics',
    curricula: [
      {
        uuid: curriculumUuid,
        is_active: true,
        courses: [{ course_runs: [{ key: 'course-v1:Org+A+1', external_key: 'A-1', title: 'Kinematics' }] }],
      },
    ],
  })
})

test('an unknown program is 404, and without a token everything is 401', async () => {
  expect(await get(`/api/v1/programs/${randomUUID()}/`)).toMatchObject({
    status: 404,
    body: { detail: 'Not found.' },
  })
  expect((await callStandIn(edx.discovery, '/api/v1/organizations/')).status).toBe(401)
})

describe('a list', () => {
  const walk = async (first: string) => {
    const uuids: string[] = []
    let pages = 0
    for (let path: string | null = first; path !== null; pages++) {
      const page = (await get(path)).body as { next: string | null; results: { uuid: string }[] }
      uuids.push(...page.results.map(({ uuid }) => uuid))
      path = page.next
    }
    return { uuids, pages }
  }

  test('is filtered by uuids, types and status, and paged', async () => {
    const programs = Array.from({ length: 50 }, (_, index) =>
      makeProgram({
        type: index % 2 === 0 ? 'Masters' : 'Professional Certificate',
        status: index < 40 ? 'active' : 'retired',
      }),
    )
    const uuids = programs.map(({ uuid }) => uuid)
    const asked = `uuids=${uuids.join(',')}`
    expect(await walk(`/api/v1/programs/?${asked}`)).toEqual({ uuids, pages: 3 })
    expect(await walk(`/api/v1/programs/?${asked}&page_size=100`)).toEqual({ uuids, pages: 1 })
    expect(await walk(`/api/v1/programs/?${asked}&page_size=7`)).toEqual({ uuids, pages: 8 })
    expect((await walk(`/api/v1/programs/?${asked}&types=masters,xseries&status=active`)).uuids).toEqual(
      uuids.filter((_, index) => index % 2 === 0 && index < 40),
    )
    expect((await walk('/api/v1/programs/?types=xseries')).uuids).toEqual([])
  })

  test('of organizations is paged', async () => {
    for (let index = 0; index < 45; index++) {
      edx.discovery.organizations.push({ uuid: randomUUID(), key: `org-${index}`, name: `Org ${index}` })
    }
    expect(await walk('/api/v1/organizations/')).toEqual({
      uuids: edx.discovery.organizations.map(({ uuid }) => uuid),
      pages: 3,
    })
  })
})
