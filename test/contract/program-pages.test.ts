import { beforeAll, describe, expect, test } from 'vitest'
import { sendRaw } from '../fixtures/raw.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, notFound, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  for (const number of [3, 4, 5]) {
    await scene.world.operator.catalog.createProgram({
      key: `${scene.school.key}-p${number}`,
      organizationKey: scene.school.key,
      title: `p${number}`,
    })
  }
})

const invalidPage = { detail: 'Invalid page.' }
const path = '/api/v3/programs'
const url = `{gateway}${path}`

/** A page of the five programs, by the ends of their keys. */
type Page = { count: number; next: string | null; previous: string | null; keys: string[] }

const pages: [name: string, query: string, page: Page][] = [
  [
    'all on one page',
    '',
    { count: 5, next: null, previous: null, keys: ['masters', 'micro', 'p3', 'p4', 'p5'] },
  ],
  [
    'the first of three; its link sorts the query',
    '?page_size=2&org={org}',
    { count: 5, next: `${url}?org={org}&page=2&page_size=2`, previous: null, keys: ['masters', 'micro'] },
  ],
  [
    'the second; the link to the first names no page',
    '?page_size=2&page=2',
    { count: 5, next: `${url}?page=3&page_size=2`, previous: `${url}?page_size=2`, keys: ['p3', 'p4'] },
  ],
  [
    'the third',
    '?page_size=2&page=3',
    { count: 5, next: null, previous: `${url}?page=2&page_size=2`, keys: ['p5'] },
  ],
  [
    'the last',
    '?page=last&page_size=2',
    { count: 5, next: null, previous: `${url}?page=2&page_size=2`, keys: ['p5'] },
  ],
  [
    'the last of one',
    '?page=last',
    { count: 5, next: null, previous: null, keys: ['masters', 'micro', 'p3', 'p4', 'p5'] },
  ],
  [
    'exactly full',
    '?page_size=5',
    { count: 5, next: null, previous: null, keys: ['masters', 'micro', 'p3', 'p4', 'p5'] },
  ],
  [
    'with filters, which the links keep',
    '?user_has_perm=read_metadata&program_title=P&page_size=2&org={org}',
    {
      count: 3,
      next: `${url}?org={org}&page=2&page_size=2&program_title=P&user_has_perm=read_metadata`,
      previous: null,
      keys: ['p3', 'p4'],
    },
  ],
  [
    'with parameters that it does not know, which the links keep',
    '?z=%20%26&a=%C3%A9&page_size=4',
    {
      count: 5,
      next: `${url}?a=%C3%A9&page=2&page_size=4&z=+%26`,
      previous: null,
      keys: ['masters', 'micro', 'p3', 'p4'],
    },
  ],
  [
    'page 1 by number',
    '?page=1',
    { count: 5, next: null, previous: null, keys: ['masters', 'micro', 'p3', 'p4', 'p5'] },
  ],
  [
    'given twice, the last counts',
    '?page=9&page=2&page_size=9&page_size=4',
    { count: 5, next: null, previous: `${url}?page_size=9&page_size=4`, keys: ['p5'] },
  ],
]

describe('pages of programs', () => {
  test.each(pages)('%s', async (_, query, { keys, ...page }) => {
    const { status, body, text } = await ask(scene, { path: path + query, as: 'viewer' })
    const { results, ...rest } = body as { results: { program_key: string }[] }
    const expected = JSON.parse(
      JSON.stringify(page)
        .replaceAll('{org}', scene.school.key)
        .replaceAll('{gateway}', scene.names.gateway ?? ''),
    )
    expect([status, rest]).toEqual([200, expected])
    expect(results.map((program) => program.program_key.replace(`${scene.school.key}-`, ''))).toEqual(keys)
    expect(Object.keys(JSON.parse(text))).toEqual(['count', 'next', 'previous', 'results'])
  })

  test.each(['0', '-1', 'x', '', '1.5', '2x', '%00'])('a page_size of "%s" is as none', async (size) => {
    const { body } = await ask(scene, { path: `${path}?page_size=${size}`, as: 'viewer' })
    expect((body as { results: unknown[] }).results).toHaveLength(5)
  })

  test('a page_size has no cap', async () => {
    const { body } = await ask(scene, { path: `${path}?page_size=99999999999999999999`, as: 'viewer' })
    expect(body).toMatchObject({ count: 5, next: null })
  })

  test('following the links meets every program once', async () => {
    const met: string[] = []
    let next: string | null = `${path}?page_size=1`
    while (next !== null) {
      const { body } = await ask(scene, { path: next.replace(scene.names.gateway ?? '', ''), as: 'viewer' })
      const page = body as { next: string | null; results: { program_key: string }[] }
      met.push(...page.results.map((program) => program.program_key))
      next = page.next
    }
    expect(met).toHaveLength(5)
    expect(new Set(met).size).toBe(5)
  })

  test('links name the host that was asked', async () => {
    const token = await scene.cast.token('viewer')
    const { text } = await sendRaw(
      scene.world.addresses.gateway,
      `GET ${path}?page_size=1 HTTP/1.1\r\nHost: registrar.example.com:8080\r\nAuthorization: JWT ${token}\r\nConnection: close\r\n\r\n`,
    )
    expect(JSON.parse(text).next).toBe(`http://registrar.example.com:8080${path}?page=2&page_size=1`)
  })
})

const invalid = (page: string): Case => ({
  name: `page "${page}" is invalid`,
  path: `${path}?page_size=2&page=${page}`,
  as: 'viewer',
  status: 404,
  json: invalidPage,
})

describe('around the pages', () =>
  runCases(
    () => scene,
    [
      ...['0', '-1', '4', 'x', 'LAST', '1.0', '99999999999999999999', '%00', '2147483648'].map(invalid),
      {
        name: 'an empty list has one page',
        path: `${path}?page=1`,
        as: 'stranger',
        status: 200,
        text: '{"count":0,"next":null,"previous":null,"results":[]}',
      },
      {
        name: 'an empty list’s last page is its first',
        path: `${path}?page=last`,
        as: 'stranger',
        status: 200,
        json: { count: 0, next: null, previous: null, results: [] },
      },
      {
        name: 'an empty list has no second page',
        path: `${path}?page=2`,
        as: 'stranger',
        status: 404,
        json: invalidPage,
      },
      {
        name: 'an unknown school beats a bad page',
        path: `${path}?org=nowhere&page=x`,
        as: 'viewer',
        status: 404,
        json: notFound,
      },
      {
        name: 'an unknown permission is 404',
        path: `${path}?user_has_perm=x`,
        as: 'viewer',
        status: 404,
        json: notFound,
      },
      ...['/{masters}', '/{masters}/courses', '/{masters}/enrollments'].map((rest) => ({
        name: `v3 has no ${rest}`,
        path: `${path}${rest}`,
        as: 'root' as const,
        status: 404,
        json: notFound,
      })),
      ...['/api/v3', '/api/v3/', '/api/v3/jobs', '/api/v3/jobs/ffff'].map((other) => ({
        name: `there is no ${other}`,
        path: other,
        as: 'root' as const,
        status: 404,
        json: notFound,
      })),
    ],
  ))
