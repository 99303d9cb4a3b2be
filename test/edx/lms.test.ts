import { randomUUID } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LmsStandIn, startLms } from './lms.ts'
import { callStandIn } from './testing.ts'

const run = 'course-v1:Org+A+1'
const oldRun = 'Org/B/1'
const curriculum = randomUUID()

let lms: LmsStandIn
let token: string
let program: string

beforeAll(async () => {
  lms = await startLms()
})

afterAll(() => lms.close())

beforeEach(async () => {
  token = await lms.tokens.mint('worker', { administrator: true })
  program = randomUUID()
  lms.state.reset()
  lms.state.addProgram(program, [run, oldRun])
})

const at = (rest: string, uuid = program) => `/api/program_enrollments/v1/programs/${uuid}/${rest}`
const call = (path: string, method?: string, body?: unknown) =>
  callStandIn(lms, path, { method, body, token })
const item = (student_key: unknown, status: unknown = 'enrolled', more: object = {}) => ({
  student_key,
  status,
  curriculum_uuid: curriculum,
  ...more,
})
const place = (student_key: unknown, status: unknown = 'active', more: object = {}) => ({
  student_key,
  status,
  ...more,
})
const write = (method: string, items: unknown, path = at('enrollments/')) => call(path, method, items)

describe('the token endpoint', () => {
  const ask = async (form: Record<string, string>) => {
    const response = await fetch(`${lms.url}/oauth2/access_token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }
  const credentials = () => ({
    grant_type: 'client_credentials',
    client_id: lms.tokens.client.key,
    client_secret: lms.tokens.client.secret,
    token_type: 'jwt',
  })

  test('gives a JWT that its keys verify and that opens the API', async () => {
    const { status, body } = await ask(credentials())
    expect(status).toBe(200)
    expect(body).toMatchObject({ token_type: 'JWT', expires_in: 3_600 })
    const keys = createRemoteJWKSet(new URL(`${lms.url}/oauth2/.well-known/jwks.json`))
    const { issuer, audience } = lms.tokens
    await jwtVerify(body.access_token as string, keys, { issuer, audience })
    const answer = await callStandIn(lms, at('enrollments/'), { token: body.access_token })
    expect(answer.status).toBe(200)
  })

  test('refuses other credentials and other grants', async () => {
    expect((await ask({ ...credentials(), client_secret: 'x' })).status).toBe(401)
    expect((await ask({ ...credentials(), grant_type: 'password' })).status).toBe(400)
  })
})

describe('who may call', () => {
  test('nobody without a token, or with one that has ended or was revoked', async () => {
    expect((await callStandIn(lms, at('enrollments/'))).status).toBe(401)
    const ended = await lms.tokens.mint('worker', { administrator: true, exp: 1_000_000_000 })
    expect((await callStandIn(lms, at('enrollments/'), { token: ended })).status).toBe(401)
    lms.tokens.revokeAll()
    expect((await call(at('enrollments/'))).status).toBe(401)
  })

  test('no user', async () => {
    const user = await lms.tokens.mint('partner')
    expect((await callStandIn(lms, at('enrollments/'), { token: user })).status).toBe(403)
  })
})

describe('what is not there is 404 and says what', () => {
  test.each([
    ['enrollments/', 'program_does_not_exist', true],
    [`courses/${run}/enrollments/`, 'program_does_not_exist', true],
    ['courses/course-v1:No+Such+Run/grades/', 'course_does_not_exist', false],
  ])('%s: %s', async (path, error_code, isUnknownProgram) => {
    const answer = await call(isUnknownProgram ? at(path, randomUUID()) : at(path))
    expect(answer).toMatchObject({ status: 404, body: { error_code, developer_message: expect.any(String) } })
  })

  test('a run of another program', async () => {
    const other = randomUUID()
    lms.state.addProgram(other, ['course-v1:Other+A+1'])
    expect(await call(at('courses/course-v1:Other+A+1/enrollments/'))).toMatchObject({
      status: 404,
      body: { error_code: 'course_not_in_program' },
    })
  })

  test('a path without its last slash', async () => {
    expect((await call(at('enrollments'))).status).toBe(404)
    expect((await call(at(`courses/${run}/enrollments`))).status).toBe(404)
  })
})

describe('a list', () => {
  const walk = async (first: string, field: 'next' | 'previous' = 'next') => {
    const keys: string[] = []
    const sizes: number[] = []
    let path: string | null = first
    while (path !== null) {
      const page = (await call(path)).body as Record<string, string | null> & {
        results: { student_key: string }[]
      }
      keys.push(...page.results.map(({ student_key }) => student_key))
      sizes.push(page.results.length)
      path = page[field] ?? null
    }
    return { keys, sizes }
  }

  test('comes in pages of 100 unless asked otherwise, of any size, each row once and in order', async () => {
    const keys = lms.state.generate(lms.state.addProgram(program), 1_250)
    expect(await walk(at('enrollments/'))).toEqual({ keys, sizes: [...Array(12).fill(100), 50] })
    expect(await walk(at('enrollments/?page_size=1000'))).toEqual({ keys, sizes: [1_000, 250] })
    expect((await walk(at('enrollments/?page_size=0'))).sizes[0]).toBe(100)
  })

  test('can be walked back', async () => {
    lms.state.generate(lms.state.addProgram(program), 25)
    const { next } = (await call(at('enrollments/?page_size=10'))).body as { next: string }
    const { previous } = (await call(next)).body as { previous: string }
    const { results } = (await call(previous)).body as { results: { student_key: string }[] }
    expect(results.map(({ student_key }) => student_key)).toContain('learner-0000000')
    expect(results).toHaveLength(10)
  })

  test('has the fields of its rows', async () => {
    await write('POST', [item('ann'), item('bob')])
    await write('POST', [place('ann', 'active', { course_staff: true })], at(`courses/${run}/enrollments/`))
    lms.state.linkAccount('ann', { username: 'ann1', email: 'ann@example.org' })
    const common = { curriculum_uuid: curriculum }
    expect(((await call(at('enrollments/'))).body as { results: unknown }).results).toEqual([
      {
        ...common,
        student_key: 'ann',
        status: 'enrolled',
        account_exists: true,
        username: 'ann1',
        email: 'ann@example.org',
      },
      { ...common, student_key: 'bob', status: 'enrolled', account_exists: false, username: '', email: '' },
    ])
    expect(((await call(at(`courses/${run}/enrollments/`))).body as { results: unknown }).results).toEqual([
      { ...common, student_key: 'ann', status: 'active', account_exists: true, course_staff: true },
    ])
  })

  test('refuses a cursor that it has not given', async () => {
    expect((await call(at('enrollments/?cursor=nonsense'))).status).toBe(404)
  })
})

describe('a program write', () => {
  test('answers 200, 207 or 422 with a status for each, in the order of the request', async () => {
    expect(await write('POST', [item('10'), item('9')])).toMatchObject({
      status: 200,
      text: '{"10": "enrolled", "9": "enrolled"}',
    })
    const mixed = [item('z', 'ended'), item('10'), item('d'), item('d', 'x'), item('y', 'active')]
    expect(await write('POST', mixed)).toMatchObject({
      status: 207,
      text: '{"z": "ended", "10": "conflict", "d": "duplicated", "y": "invalid-status"}',
    })
    expect(await write('PATCH', [item('nobody')])).toMatchObject({
      status: 422,
      body: { nobody: 'not-in-program' },
    })
    expect(await write('PUT', [item('10', 'ended'), item('new')])).toMatchObject({ status: 200 })
  })

  test('of nobody is 204, of 26 is 413', async () => {
    expect(await write('POST', [])).toMatchObject({ status: 204, text: '' })
    expect(
      (
        await write(
          'POST',
          Array.from({ length: 26 }, (_, i) => item(`s${i}`)),
        )
      ).status,
    ).toBe(413)
  })

  test.each([
    ['no list', {}],
    ['a blank key', [item('ok'), item(' ')]],
    ['no key', [item('ok'), item(undefined)]],
    ['a blank status', [item('ok'), item('a', '')]],
    ['no curriculum', [item('ok'), { student_key: 'a', status: 'enrolled' }]],
    ['a curriculum that is none', [item('ok'), item('a', 'enrolled', { curriculum_uuid: 'None' })]],
    ['an item that is none', [item('ok'), 7]],
  ])('with %s is 400 and does nothing', async (_, items) => {
    expect((await write('POST', items)).status).toBe(400)
    expect(lms.state.programs.get(program)?.enrollments.rows).toEqual([])
  })

  test('that updates needs no curriculum', async () => {
    await write('POST', [item('ann')])
    expect((await write('PATCH', [{ student_key: 'ann', status: 'ended' }])).status).toBe(200)
  })

  test('trims keys and takes numbers', async () => {
    expect(await write('POST', [item(' ann '), item(7)])).toMatchObject({
      body: { ann: 'enrolled', '7': 'enrolled' },
    })
  })
})

describe('a course write', () => {
  const path = () => at(`courses/${run}/enrollments/`)

  test('judges in the order of the rules', async () => {
    const other = randomUUID()
    lms.state.addProgram(other, [run])
    const items = ['ann', 'bob', 'cyd'].map((key) => item(key))
    await write('POST', items)
    await write('POST', items, at('enrollments/', other))
    await write('POST', [place('cyd')], at(`courses/${run}/enrollments/`, other))
    await write('POST', [place('bob')], path())
    expect(
      await write(
        'POST',
        [place('ann'), place('bob'), place('cyd'), place('dan'), place('eve', 'enrolled')],
        path(),
      ),
    ).toMatchObject({
      status: 207,
      body: { ann: 'active', bob: 'conflict', cyd: 'conflict', dan: 'not-in-program', eve: 'invalid-status' },
    })
    expect(await write('PATCH', [place('cyd', 'inactive')], path())).toMatchObject({
      status: 422,
      body: { cyd: 'not-found' },
    })
  })

  test('takes staff in many words, and neither blank nor null', async () => {
    await write('POST', [item('ann')])
    for (const course_staff of [true, 'True', 'yes', 1]) {
      expect((await write('PUT', [place('ann', 'active', { course_staff })], path())).status).toBe(200)
    }
    for (const course_staff of [null, '', 'maybe']) {
      expect((await write('PUT', [place('ann', 'active', { course_staff })], path())).status).toBe(400)
    }
    await write('PUT', [place('ann', 'inactive')], path())
    expect(lms.state.programs.get(program)?.courses.get(run)?.enrollments.find('ann')).toMatchObject({
      status: 'inactive',
      course_staff: true,
    })
  })

  test('knows keys of the old form', async () => {
    await write('POST', [item('ann')])
    expect((await write('POST', [place('ann')], at(`courses/${oldRun}/enrollments/`))).status).toBe(200)
  })
})

describe('grades', () => {
  const path = () => at(`courses/${run}/grades/`)

  test('are of those with accounts; the status tells how they are', async () => {
    expect(await call(path())).toMatchObject({ status: 204, text: '' })
    await write('POST', [item('ann'), item('bob'), item('cyd')])
    await write('POST', [place('ann'), place('bob'), place('cyd')], at(`courses/${run}/enrollments/`))
    expect((await call(path())).status).toBe(204)
    lms.state.linkAccount('ann', { username: 'ann', email: '' })
    expect(await call(path())).toMatchObject({
      status: 200,
      body: { next: null, results: [{ student_key: 'ann', letter_grade: null, percent: 0, passed: false }] },
    })
    lms.state.linkAccount('bob', { username: 'bob', email: '' })
    const grades = lms.state.programs.get(program)?.courses.get(run)?.grades
    grades?.set('bob', { error: 'no grade' })
    expect((await call(path())).status).toBe(207)
    grades?.set('ann', { error: 'no grade' })
    expect((await call(path())).status).toBe(422)
  })
})
