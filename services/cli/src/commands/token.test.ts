import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadOrCreateDevelopmentKeys } from '#kit/keys.ts'
import { createTestTokens } from '#kit/testing/tokens.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { runRegistrar, runRegistrarIn } from '../testing/run-registrar.ts'

let dataDir: string
let jwksJson: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'registrar-data-'))
  ;({ jwksJson } = await loadOrCreateDevelopmentKeys(dataDir))
})
afterAll(() => rm(dataDir, { recursive: true }))

const run = (args: string[], env: Record<string, string> = {}) =>
  runRegistrar(['token', ...args], { REGISTRAR_DATA_DIR: dataDir, ...env })
const verify = (token: string, config: { issuer?: string; audience?: string } = {}) =>
  createTokenVerifier({
    issuer: 'registrar-development',
    audience: 'registrar',
    jwks: JSON.parse(jwksJson),
    ...config,
  }).verify(`JWT ${token}`)

describe('the token', () => {
  test('is all that is printed, and verifies as the user', async () => {
    const { exitCode, stdout, stderr } = await run(['maria'])

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(await verify(stdout.trim())).toMatchObject({ kind: 'user', username: 'maria', restricted: false })
  })

  test('says nothing of e-mail and staff unless told to', async () => {
    const principal = await verify((await run(['maria'])).stdout.trim())

    expect(principal).not.toHaveProperty('email')
    expect(principal).not.toHaveProperty('administrator')
  })

  test('carries e-mail and staff when told to', async () => {
    const { stdout } = await run(['maria', '--email', 'm@example.org', '--administrator'])

    expect(await verify(stdout.trim())).toMatchObject({ email: 'm@example.org', administrator: true })
  })

  test.each([
    [[], 86_400],
    [['--expires-in', '90'], 90],
    [['--expires-in', '30d'], 2_592_000],
  ])('with %j ends after %i seconds', async (options, seconds) => {
    const { exp = 0, iat = 0 } = decodeJwt((await run(['maria', ...options])).stdout)

    expect(exp - iat).toBe(seconds)
  })

  test('has the issuer and audience that the services ask for', async () => {
    const { stdout } = await run(['maria'], {
      JWT_ISSUER: 'https://lms.example/oauth2',
      JWT_AUDIENCE: 'ours',
    })

    const config = { issuer: 'https://lms.example/oauth2', audience: 'ours' }
    expect(await verify(stdout.trim(), config)).toMatchObject({ username: 'maria' })
  })

  test('comes with its end for programs', async () => {
    const { token, expires_at } = JSON.parse((await run(['maria', '--json'])).stdout)

    expect(Date.parse(expires_at) / 1000).toBe(decodeJwt(token).exp)
    expect(decodeProtectedHeader(token).kid).toBe(JSON.parse(jwksJson).keys[0].kid)
  })

  test('is minted beside a shared secret and where the key set is the development one', async () => {
    expect((await run(['maria'], { JWT_SECRET_KEY: 's'.repeat(32) })).exitCode).toBe(0)
    expect((await run(['maria'], { JWT_PUBLIC_SIGNING_JWK_SET: jwksJson })).exitCode).toBe(0)
  })

  test('is minted in a folder where the system was started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'registrar-cli-'))
    await loadOrCreateDevelopmentKeys(join(folder, '.registrar'))

    expect((await runRegistrarIn(folder, ['token', 'maria'], {})).exitCode).toBe(0)
    await rm(folder, { recursive: true })
  })
})

describe('no token', () => {
  test.each([
    [
      'in production',
      { NODE_ENV: 'production' },
      'Tokens are minted with development keys, which production refuses: NODE_ENV is production.\n',
    ],
    [
      'when the keys are at a URL',
      { JWT_JWKS_URL: 'https://lms.example/jwks', JWT_ISSUER: 'lms' },
      'JWT_JWKS_URL names other keys than the development keys: get a token where those keys are.\n',
    ],
  ])('%s', async (_, env, stderr) => {
    expect(await run(['maria'], env)).toEqual({ exitCode: 1, stdout: '', stderr })
  })

  test('when the key set is another', async () => {
    const { config } = await createTestTokens()

    expect(await run(['maria'], { JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(config.jwks) })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        'JWT_PUBLIC_SIGNING_JWK_SET names other keys than the development keys: get a token where those keys are.\n',
    })
  })

  test('where the system was never started, making no folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'registrar-cli-'))
    const { exitCode, stdout, stderr } = await runRegistrarIn(folder, ['token', 'maria'], {})

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toBe(
      'There is no folder .registrar here: run this where the system was started, or set REGISTRAR_DATA_DIR.\n',
    )
    expect(await readdir(folder)).toEqual([])
    await rm(folder, { recursive: true })
  })

  test.each([
    ['without a name', []],
    ['for a blank name', [' ']],
    ['for a name that is too long', ['x'.repeat(151)]],
    ['that lives no time', ['maria', '--expires-in', '0']],
    ['that lives for ever', ['maria', '--expires-in', 'ever']],
  ])('%s', async (_, args) => {
    const { exitCode, stdout } = await run(args)

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  })
})
