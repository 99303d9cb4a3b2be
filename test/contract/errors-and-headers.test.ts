import { beforeAll, describe, expect, test } from 'vitest'
import { sendRaw } from '../fixtures/raw.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const program = '/api/v1/programs/{masters}'
const enrollments = `${program}/enrollments`
const upload = `${enrollments}/upload`
const json = { 'content-type': 'application/json' }
const post = (name: string, body: unknown, status: number, text: string, rest: Partial<Case> = {}): Case => ({
  name,
  method: 'POST',
  path: enrollments,
  as: 'owner',
  body,
  status,
  text,
  ...rest,
})

describe('the body of every error, to the string', () =>
  runCases(
    () => scene,
    inBothVersions([
      {
        name: '401 without credentials',
        path: program,
        status: 401,
        text: '{"detail":"Authentication credentials were not provided."}',
      },
      {
        name: '401 with a bad token',
        path: program,
        headers: { authorization: 'JWT nonsense' },
        status: 401,
        text: '{"detail":"Invalid token."}',
      },
      {
        name: '403',
        path: program,
        as: 'stranger',
        status: 403,
        text: '{"detail":"You do not have permission to perform this action."}',
      },
      post(
        '403 for course_staff while its flag is off',
        [{ student_key: 'a', status: 'active', course_staff: true }],
        403,
        '{"detail":"\\"course_staff\\" not accepted since role assignment is not enabled"}',
        { path: `${program}/courses/{run}/enrollments` },
      ),
      {
        name: '404',
        path: '/api/v1/programs/nowhere',
        as: 'owner',
        status: 404,
        text: '{"detail":"Not found."}',
      },
      { name: '404 of the router', path: '/api/v1/nowhere', status: 404, text: '{"detail":"Not found."}' },
      {
        name: '405',
        method: 'DELETE',
        path: enrollments,
        as: 'owner',
        status: 405,
        text: '{"detail":"Method \\"DELETE\\" not allowed."}',
      },
      {
        name: '406',
        path: program,
        headers: { accept: 'text/csv' },
        status: 406,
        text: '{"detail":"Could not satisfy the request Accept header."}',
      },
      post('413 of a write', Array(26).fill({}), 413, '{"detail":"Enrollment limit 25"}'),
      post('415', '[]', 415, '{"detail":"Unsupported media type \\"text/plain\\" in request."}', {
        headers: { 'content-type': 'text/plain' },
      }),
      post('400 for a body that is no list', {}, 400, '["expected request body type: List"]'),
      post('400 for an item that is no object', [1], 400, '["expected items in request to be of type Dict"]'),
      post(
        '400 for an item without a key',
        [{}],
        400,
        '["expected request dicts to have string value for \\"student_key\\""]',
      ),
      post(
        '400 for an item without a status',
        [{ student_key: 'a' }],
        400,
        '["expected request dicts to have string value for \\"status\\""]',
      ),
      post(
        '400 for course_staff that is no boolean',
        [{ student_key: 'a', status: 'active', course_staff: 1 }],
        400,
        '["expected request dicts to have boolean value for \\"course_staff\\""]',
        { path: `${program}/courses/{run}/enrollments` },
      ),
      post(
        '400 for JSON that does not parse',
        '[1,',
        400,
        '{"detail":"JSON parse error - Expecting value: line 1 column 4 (char 3)"}',
        {
          headers: json,
        },
      ),
      post('400 for an upload without a file', undefined, 400, '{"detail":"No file content uploaded"}', {
        path: upload,
      }),
      post(
        '415 of an upload',
        '{}',
        415,
        '{"detail":"Unsupported media type \\"application/json\\" in request."}',
        {
          path: upload,
          headers: json,
        },
      ),
    ]).concat([
      {
        name: '404 of a page',
        path: '/api/v3/programs?page=0',
        as: 'owner',
        status: 404,
        text: '{"detail":"Invalid page."}',
      },
      {
        name: '404 of the internal cache',
        method: 'DELETE',
        path: '/api/internal/cache/nowhere',
        as: 'staff',
        status: 404,
        text: '{"detail":"No Program matches the given query."}',
      },
    ]),
  ))

// That every answer of this whole suite has the headers of the contract is checked where it is asked for: `checkAnswer`.
describe('headers', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...(
        [
          ['of a success', { path: program, as: 'viewer' }, 200],
          ['of an error', { path: '/api/v1/programs/nowhere', as: 'viewer' }, 404],
          ['of a path that is not there', { path: '/api/nowhere' }, 404],
          [
            'of a body that does not parse',
            { method: 'POST', path: enrollments, as: 'owner', body: '{' },
            400,
          ],
        ] as const
      ).map(([name, request, status]) => ({
        name,
        ...request,
        status,
        answers: {
          vary: 'Accept, Accept-Language, origin',
          'x-frame-options': 'DENY',
          'content-language': 'en',
          'content-type': 'application/json',
          'set-cookie': null,
          server: null,
          'x-powered-by': null,
        },
      })),
      {
        name: 'of a 401 name the scheme',
        path: program,
        status: 401,
        answers: { 'www-authenticate': 'JWT realm="api"', allow: 'GET, HEAD, OPTIONS' },
      },
      {
        name: 'of a 406 name the methods too',
        path: enrollments,
        headers: { accept: 'text/csv' },
        status: 406,
        answers: { allow: 'GET, POST, PATCH, HEAD, OPTIONS', 'content-type': 'application/json' },
      },
      {
        name: 'of a 202 say where to ask and when',
        path: enrollments,
        as: 'reader',
        status: 202,
        answers: { 'retry-after': '1' },
      },
      {
        name: 'echo a request id',
        path: program,
        headers: { 'x-request-id': 'my_ID-1.2' },
        status: 401,
        answers: { 'x-request-id': 'my_ID-1.2' },
      },
      {
        name: 'echo a request id where there is no path',
        path: '/nowhere',
        headers: { 'x-request-id': 'a' },
        status: 404,
        answers: { 'x-request-id': 'a' },
      },
    ]),
  ))

describe('a request id', () => {
  test.each(['', 'with space', 'a"b', 'ä'.repeat(2), 'x'.repeat(129), 'a,b'])(
    'that is "%s" is not taken over',
    async (id) => {
      const { headers } = await ask(scene, {
        path: program,
        headers: { 'x-request-id': Buffer.from(id).toString('latin1') },
      })
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    },
  )

  test('is new for each request that has none', async () => {
    const answers = await Promise.all([1, 2].map(() => ask(scene, { path: program })))
    expect(new Set(answers.map(({ headers }) => headers.get('x-request-id'))).size).toBe(2)
  })
})

describe('what is acceptable', () => {
  const shown = async (accept: string | undefined, query = '') => {
    const { status, headers } = await ask(scene, {
      path: program + query,
      as: 'viewer',
      ...(accept !== undefined && { headers: { accept } }),
    })
    return [status, headers.get('content-type')?.split(';')[0]]
  }

  test.each<[accept: string | undefined, query: string, status: number, type: string]>([
    [undefined, '', 200, 'application/json'],
    ['*/*', '', 200, 'application/json'],
    ['application/json', '', 200, 'application/json'],
    ['application/*', '', 200, 'application/json'],
    ['APPLICATION/JSON', '', 200, 'application/json'],
    ['application/json; charset=utf-8', '', 200, 'application/json'],
    ['application/xml, application/json;q=0.1', '', 200, 'application/json'],
    ['text/html', '', 200, 'text/html'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', '', 200, 'text/html'],
    ['application/xml', '', 406, 'application/json'],
    ['text/csv', '', 406, 'application/json'],
    ['nonsense', '', 406, 'application/json'],
    [undefined, '?format=json', 200, 'application/json'],
    ['*/*', '?format=api', 200, 'text/html'],
    [undefined, '?format=xml', 404, 'application/json'],
    [undefined, '?format=JSON', 404, 'application/json'],
    [undefined, '?format=', 200, 'application/json'],
    [undefined, '?format=xml&format=json', 200, 'application/json'],
    ['text/html', '?format=json', 406, 'application/json'],
  ])('Accept %s with "%s": %i %s', async (accept, query, status, type) => {
    expect(await shown(accept, query)).toEqual([status, type])
  })

  test('a page shows the JSON and runs nothing of it', async () => {
    const title = '<script>alert(1)</script>'
    const key = `${scene.school.key}-script`
    await scene.world.operator.catalog.createProgram({ key, title, organizationKey: scene.school.key })
    const { text } = await ask(scene, {
      path: `/api/v1/programs/${key}`,
      as: 'viewer',
      headers: { accept: 'text/html' },
    })
    expect(text).toContain(key)
    expect(text).not.toContain('<script>')
  })
})

describe('broken HTTP', () => {
  test.each([
    ['nonsense\r\n\r\n', 400],
    ['GET /api/v1/programs HTTP/1.1\r\n\r\n', 400],
    ['GET /api/v1/programs HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', 400],
    [
      'POST /api/v1/programs HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ])('%j is refused in JSON', async (bytes, status) => {
    const answer = await sendRaw(scene.world.addresses.gateway, bytes, { thenEnd: true })
    expect([answer.status, Object.keys(answer.body as object)]).toEqual([status, ['detail']])
  })
})
