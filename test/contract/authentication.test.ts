import { importJWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { developmentIssuer, loadOrCreateDevelopmentKeys } from '#kit/keys.ts'
import type { Claims } from '../fixtures/tokens.ts'
import { ask, openScene, type Scene } from './ask.ts'

let scene: Scene
let keys: Awaited<ReturnType<typeof loadOrCreateDevelopmentKeys>>

beforeAll(async () => {
  scene = await openScene()
  keys = await loadOrCreateDevelopmentKeys(scene.world.addresses.dataDir)
})

const program = '/api/v1/programs/{masters}'
const now = () => Math.floor(Date.now() / 1000)
const notProvided = [401, { detail: 'Authentication credentials were not provided.' }]
const invalid = [401, { detail: 'Invalid token.' }]
const nameless = [401, { detail: 'JWT must include a preferred_username or username claim!' }]

const mint = (claims: Claims = {}) => scene.world.token(scene.cast.username('viewer'), claims)

async function answerTo(authorization: string | undefined, path = program) {
  const { status, body } = await ask(scene, {
    path,
    ...(authorization !== undefined && { headers: { authorization } }),
  })
  return [status, body]
}
const statusOf = async (authorization: string, path?: string) => (await answerTo(authorization, path))[0]

/** A token with a header of the test’s own. */
async function sign(
  header: JWTHeaderParameters,
  claims: Claims = {},
  key?: Parameters<SignJWT['sign']>[0],
  crit?: Record<string, boolean>,
): Promise<string> {
  const payload = {
    iss: developmentIssuer,
    aud: 'registrar',
    iat: now(),
    exp: now() + 60,
    preferred_username: scene.cast.username('viewer'),
    ...claims,
  }
  return new SignJWT(JSON.parse(JSON.stringify(payload)))
    .setProtectedHeader(header)
    .sign(key ?? (await importJWK(keys.jwtPrivateJwk, header.alg)), crit && { crit })
}

beforeAll(async () => {
  // The viewer comes into being before tokens of theirs are made by hand.
  await scene.cast.token('viewer')
})

describe('the scheme', () => {
  test.each(['JWT', 'jwt', 'Jwt', 'jWt'])('%s is one', async (scheme) => {
    expect(await statusOf(`${scheme} ${await mint()}`)).toBe(200)
  })

  test.each<[string, (token: string) => string | undefined]>([
    ['no header', () => undefined],
    ['an empty header', () => ''],
    ['Bearer', (token) => `Bearer ${token}`],
    ['bearer', (token) => `bearer ${token}`],
    ['Token', (token) => `Token ${token}`],
    ['Basic', () => 'Basic dXNlcjpwYXNz'],
    ['JWT without a token', () => 'JWT'],
    ['JWT with a space', () => 'JWT '],
    ['JWT with two tokens', (token) => `JWT ${token} ${token}`],
    ['a token without a scheme', (token) => token],
    ['JWT without a space', (token) => `JWT${token}`],
    ['JWT with a colon', (token) => `JWT: ${token}`],
    ['JWT, a comma, and another', (token) => `JWT ${token}, JWT ${token}`],
  ])('%s is no credentials', async (_, header) => {
    expect(await answerTo(header(await mint()))).toEqual(notProvided)
  })
})

describe('a token is refused', () => {
  test.each<[string, () => Promise<string>]>([
    ['that is none', async () => 'nonsense'],
    ['of three parts that are none', async () => 'a.b.c'],
    ['that has expired', () => mint({ exp: now() - 60 })],
    ['without an expiry', () => mint({ exp: undefined })],
    ['without the time of its making', () => mint({ iat: undefined })],
    ['from the future', () => mint({ iat: now() + 600 })],
    ['that is not valid yet', () => mint({ nbf: now() + 600 })],
    ['of another issuer', () => mint({ iss: 'somebody-else' })],
    ['of no issuer', () => mint({ iss: undefined })],
    ['for another audience', () => mint({ aud: 'another-service' })],
    ['for other audiences', () => mint({ aud: ['a', 'b'] })],
    ['for no audience', () => mint({ aud: undefined })],
    ['of a version to come', () => mint({ version: '2.0.0' })],
    ['with a bent signature', async () => `${(await mint()).slice(0, -10)}AAAAAAAAAA`],
    ['without its signature', async () => (await mint()).replace(/[^.]*$/, '')],
    [
      'with another payload',
      async () =>
        (await mint()).split('.').with(1, btoa('{"preferred_username":"root"}').replace(/=+$/, '')).join('.'),
    ],
    [
      'that is unsigned',
      async () => `${btoa('{"alg":"none"}').replace(/=+$/, '')}.${(await mint()).split('.')[1]}.`,
    ],
    ['signed by RS384', () => sign({ alg: 'RS384' })],
    [
      'signed by HS256 with the public key',
      () => sign({ alg: 'HS256' }, {}, new TextEncoder().encode(keys.jwksJson)),
    ],
    ['signed by HS512', () => sign({ alg: 'HS512' }, {}, new TextEncoder().encode('x'.repeat(64)))],
    ['with a key id that is not known', () => sign({ alg: 'RS256', kid: 'another' })],
    [
      'with an extension that is critical and not known',
      () => sign({ alg: 'RS256', crit: ['urn:x'], 'urn:x': 1 }, {}, undefined, { 'urn:x': true }),
    ],
    ['of 20,000 characters', () => mint({ padding: 'x'.repeat(9_000) })],
  ])('%s', async (_, make) => {
    expect(await answerTo(`JWT ${await make()}`)).toEqual(invalid)
  })

  test.each<[string, Claims]>([
    ['without a username', { preferred_username: undefined }],
    ['with an empty one', { preferred_username: '' }],
    ['with one that is no text', { preferred_username: 7 }],
    ['with one of 151 characters', { preferred_username: 'x'.repeat(151) }],
    ['with one that has a NUL', { preferred_username: 'a\0b' }],
  ])('%s, in its own words', async (_, claims) => {
    expect(await answerTo(`JWT ${await mint(claims)}`)).toEqual(nameless)
  })
})

describe('a token is taken', () => {
  test.each<[string, () => Promise<string>]>([
    ['without a key id', () => sign({ alg: 'RS256' })],
    ['without a version', () => mint({ version: undefined })],
    ['of version 1.2.0', () => mint({ version: '1.2.0' })],
    ['for several audiences, ours among them', () => mint({ aud: ['another', 'registrar'] })],
    ['without an address', () => mint({ email: undefined })],
    [
      'with a username in the other claim',
      () => mint({ preferred_username: undefined, username: scene.cast.username('viewer') }),
    ],
    ['with claims that nobody knows', () => mint({ scopes: ['user_id'], filters: [], x: { y: null } })],
    ['that is_restricted is false of', () => mint({ is_restricted: false })],
  ])('%s', async (_, make) => {
    expect(await statusOf(`JWT ${await make()}`)).toBe(200)
  })

  test('with preferred_username going before username', async () => {
    expect(await statusOf(`JWT ${await mint({ username: 'somebody-else' })}`)).toBe(200)
    expect(
      await statusOf(
        `JWT ${await mint({ preferred_username: 'somebody-else', username: scene.cast.username('viewer') })}`,
      ),
    ).toBe(403)
  })
})

describe('callers', () => {
  const views = [
    '/api/v1/programs',
    '/api/v3/programs',
    program,
    '/api/v1/programs/nowhere',
    '/api/v2/jobs',
    '/api/v1/jobs/ffff',
    '/api/internal/cache',
    `${program}/enrollments`,
  ]

  test.each(views)('a restricted token is 403 at %s', async (path) => {
    const token = await scene.world.token(scene.cast.username('root'), { is_restricted: true })
    expect(await answerTo(`JWT ${token}`, path)).toEqual([
      403,
      { detail: 'You do not have permission to perform this action.' },
    ])
  })

  test.each(views)('an inactive user is 401 at %s', async (path) => {
    await scene.cast.token('locked')
    expect(await answerTo(`JWT ${await scene.world.token(scene.cast.username('locked'))}`, path)).toEqual([
      401,
      { detail: 'User inactive or deleted.' },
    ])
  })

  test('a user whom nobody has seen may see nothing', async () => {
    const authorization = `JWT ${await scene.world.token(`new-${scene.school.key}`)}`
    expect(await answerTo(authorization, '/api/v1/programs')).toEqual([200, []])
    expect(await answerTo(authorization, '/api/v1/jobs')).toEqual([200, []])
    expect(await statusOf(authorization)).toBe(403)
  })

  test('a user who is locked out is so at once, and let in again', async () => {
    const username = scene.cast.username('programViewer')
    const authorization = `JWT ${await scene.cast.token('programViewer')}`
    expect(await statusOf(authorization)).toBe(200)
    await scene.world.operator.accessControl.updateUser({ username, active: false })
    expect(await statusOf(authorization)).toBe(401)
    await scene.world.operator.accessControl.updateUser({ username, active: true })
    expect(await statusOf(authorization)).toBe(200)
  })

  test('usernames are compared exactly', async () => {
    expect(
      await statusOf(`JWT ${await scene.world.token(scene.cast.username('viewer').toUpperCase())}`),
    ).toBe(403)
  })

  test('a token of one of our own processes names nobody here', async () => {
    const { createServiceTokenIssuer } = await import('#kit/service-tokens.ts')
    const token = await createServiceTokenIssuer(keys.servicePrivateJwk, 'operator')()
    expect(await answerTo(`JWT ${token}`)).toEqual(invalid)
  })
})
