import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type Case, notFound, program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'
import { runCases } from '../testing/run-cases.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const cs =
  '{"program_key":"masters-in-cs","program_title":"Master’s in CS","program_url":"https://school.test/cs","program_type":"Masters","permissions":["read_enrollments","read_metadata"]}'
const bare =
  '{"program_key":"bare_program-2","program_title":"bare_program-2","program_url":null,"program_type":null,"permissions":["read_enrollments","read_metadata"]}'

const cases: Case[] = [
  {
    name: 'a program has its fields in order, nulls where nothing is known',
    path: '/api/v1/programs',
    as: 'reader',
    status: 200,
    text: `[${cs},${bare}]`,
  },
  {
    name: 'v2 answers as v1 does',
    path: '/api/v2/programs',
    as: 'reader',
    status: 200,
    text: `[${cs},${bare}]`,
  },
  {
    name: 'a caller without access gets an empty list',
    path: '/api/v1/programs',
    as: 'stranger',
    status: 200,
    text: '[]',
  },
  { name: 'one program', path: program, as: 'reader', status: 200, text: cs },
  {
    name: 'course runs have their fields in order',
    path: `${program}/courses`,
    as: 'viewer',
    status: 200,
    text: '[{"course_id":"course-v1:Org+Course+Run","external_course_key":"CS-101","course_title":"Intro","course_url":"https://school.test/101"},{"course_id":"Org/Course/Run","external_course_key":null,"course_title":null,"course_url":null},{"course_id":"a+b+c","external_course_key":null,"course_title":null,"course_url":null}]',
  },
  {
    name: 'an unknown organization is 404',
    path: '/api/v1/programs?org=nowhere',
    as: 'reader',
    status: 404,
    json: notFound,
  },
  ...['x', 'organization_read_metadata', 'job_global_read', '__proto__', 'READ_METADATA'].map((name) => ({
    name: `the permission ${name} is 404`,
    path: `/api/v1/programs?user_has_perm=${name}`,
    as: 'reader',
    status: 404,
    json: notFound,
  })),
  {
    name: 'parameters that are not known are passed over',
    path: '/api/v1/programs?org_key=x&page_size=1&page=9',
    as: 'reader',
    status: 200,
    text: `[${cs},${bare}]`,
  },
]
describe('lists and details', () => runCases(() => gateway, cases))

test.each([
  ['', { organizationKey: '', permission: Permission.READ_METADATA, titleContains: '' }],
  [
    '?org=&user_has_perm=&program_title=',
    { organizationKey: '', permission: Permission.READ_METADATA, titleContains: '' },
  ],
  [
    '?org=stem&user_has_perm=write_enrollments&program_title=in%20C%2BS',
    { organizationKey: 'stem', permission: Permission.WRITE_ENROLLMENTS, titleContains: 'in C+S' },
  ],
  ['?org=nowhere&org=stem', { organizationKey: 'stem' }],
])('the filters %s go to the catalog, the last of several values', async (query, message) => {
  await gateway.send({ path: `/api/v1/programs${query}`, as: 'owner' })
  expect(gateway.world.calls).toMatchObject([{ rpc: 'ListPrograms', message }])
})

test('a list is whole, however many pages the catalog makes of it', async () => {
  gateway.world.programs = Object.fromEntries(
    Array.from({ length: 2_345 }, (_, at) => [`p${at}`, { key: `p${at}`, title: `p${at}` }]),
  )
  const { json } = await gateway.send({ path: '/api/v1/programs', as: 'owner' })
  expect((json as { program_key: string }[]).map(({ program_key }) => program_key)).toEqual(
    Object.keys(gateway.world.programs),
  )
})

describe('v3 pages', () => {
  beforeEach(() => {
    gateway.world.programs = Object.fromEntries(
      Array.from({ length: 205 }, (_, at) => [`p${at}`, { key: `p${at}`, title: `p${at}` }]),
    )
  })

  type Page = {
    count: number
    next: string | null
    previous: string | null
    results: { program_key: string }[]
  }
  const read = async (query: string) => {
    const answer = await gateway.send({ path: `/api/v3/programs${query}`, as: 'owner' })
    const page = answer.json as Page
    const keys = page.results?.map(({ program_key }) => program_key)
    const from = (link: string | null) => link?.replace(gateway.url, '') ?? null
    return { ...answer, ...page, keys, next: from(page.next), previous: from(page.previous) }
  }

  test.each([
    ['', 100, 'p0', '/api/v3/programs?page=2', null],
    ['?page=2', 100, 'p100', '/api/v3/programs?page=3', '/api/v3/programs'],
    ['?page=3', 5, 'p200', null, '/api/v3/programs?page=2'],
    ['?page=last', 5, 'p200', null, '/api/v3/programs?page=2'],
    ['?page=', 100, 'p0', '/api/v3/programs?page=2', null],
    ['?page_size=0', 100, 'p0', '/api/v3/programs?page=2&page_size=0', null],
    ['?page_size=-1', 100, 'p0', '/api/v3/programs?page=2&page_size=-1', null],
    ['?page_size=x', 100, 'p0', '/api/v3/programs?page=2&page_size=x', null],
    ['?page_size=5000', 205, 'p0', null, null],
    [
      '?user_has_perm=read_metadata&page_size=2&org=stem',
      2,
      'p0',
      '/api/v3/programs?org=stem&page=2&page_size=2&user_has_perm=read_metadata',
      null,
    ],
    [
      '?z=a%20b%2B%27&page=2&page_size=2',
      2,
      'p2',
      '/api/v3/programs?page=3&page_size=2&z=a+b%2B%27',
      '/api/v3/programs?page_size=2&z=a+b%2B%27',
    ],
    ['/?page_size=205', 205, 'p0', null, null],
  ])('%s', async (query, length, first, next, previous) => {
    const page = await read(query)
    expect(page.status).toBe(200)
    expect(page).toMatchObject({ count: 205, next, previous })
    expect([page.keys.length, page.keys[0]]).toEqual([length, first])
  })

  test.each([
    '?page=0',
    '?page=-1',
    '?page=x',
    '?page=1.5',
    '?page=4',
    '?page=99999999999999999999',
    '?page=2&page_size=999999999999',
  ])('%s is no page', async (query) => {
    const answer = await read(query)
    expect([answer.status, answer.json]).toEqual([404, { detail: 'Invalid page.' }])
  })

  test('the first page of nothing is a page', async () => {
    const answer = await gateway.send({ path: '/api/v3/programs', as: 'stranger' })
    expect([answer.status, answer.text]).toEqual([
      200,
      '{"count":0,"next":null,"previous":null,"results":[]}',
    ])
  })

  test('an unknown organization beats a page that is not there', async () => {
    expect((await read('?org=nowhere&page=0')).json).toEqual(notFound)
  })
})

describe('ETag', () => {
  test.each(['/api/v1/programs', '/api/v3/programs'])('%s is not sent again to who has it', async (path) => {
    const first = await gateway.send({ path, as: 'reader' })
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{20,}"$/)
    for (const match of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await gateway.send({ path, as: 'reader', headers: { 'if-none-match': match } })
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag])
      expect(again.headers.get('vary')).toBe('Accept, Accept-Language, origin')
    }
    const other = await gateway.send({ path, as: 'viewer', headers: { 'if-none-match': etag } })
    expect(other.status).toBe(200)
  })
})
