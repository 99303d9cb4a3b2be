import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConfigError } from './config.ts'
import { readProcessConfig } from './process-config.ts'
import { createTestAuthority, writeCertificates } from './testing/certificates.ts'
import { openPublicTls } from './tls-settings.ts'

let folder: string
let paths: Awaited<ReturnType<typeof writeCertificates>>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  const authority = await createTestAuthority()
  paths = await writeCertificates(folder, { ...(await authority.issue()), ca: authority.cert })
})
afterAll(() => rm(folder, { recursive: true }))

const read = (env: NodeJS.ProcessEnv) =>
  readProcessConfig(
    { REGISTRAR_DATA_DIR: folder, ...env },
    { name: 'catalog', needs: ['listen'], peers: ['access-control'] },
  )
const pair = () => ({ TLS_CERT_FILE: paths.cert, TLS_KEY_FILE: paths.key })

test('with nothing set there is no TLS', async () => {
  const { tls, listen, peers } = await read({})
  expect([tls, listen.tls, peers['access-control']]).toEqual([undefined, undefined, 'http://127.0.0.1:18741'])
})

test('a process with a certificate speaks TLS, and expects it of its peers on this machine', async () => {
  const { tls, listen, peers } = await read(pair())
  expect(tls?.read().cert).toBeDefined()
  expect(listen.tls).toEqual({ files: tls, areClientsVerified: false })
  expect(peers['access-control']).toBe('https://127.0.0.1:18741')
})

test('callers have to show a certificate when they are required to', async () => {
  const { listen } = await read({ ...pair(), TLS_CA_FILE: paths.ca, TLS_CLIENT_CERTIFICATES: 'required' })
  expect(listen.tls).toMatchObject({ areClientsVerified: true })
})

test('an authority alone is for calls to others', async () => {
  const { tls, listen, peers } = await read({ TLS_CA_FILE: paths.ca })
  expect(tls?.read().ca).toBeDefined()
  expect([listen.tls, peers['access-control']]).toEqual([undefined, 'http://127.0.0.1:18741'])
})

test.each<[string, () => NodeJS.ProcessEnv]>([
  [
    'TLS_KEY_FILE is missing: set it to the PEM file that goes with TLS_CERT_FILE.',
    () => ({ TLS_CERT_FILE: paths.cert }),
  ],
  [
    'TLS_CERT_FILE is missing: set it to the PEM file that goes with TLS_KEY_FILE.',
    () => ({ TLS_KEY_FILE: paths.key }),
  ],
  [
    'TLS_CERT_FILE cannot be read (ENOENT): set it to a PEM file that this process may read.',
    () => ({ ...pair(), TLS_CERT_FILE: join(folder, 'nothing') }),
  ],
  [
    'TLS_CA_FILE is missing: set it to a PEM file with the authorities of the certificates that other processes show, or TLS_CLIENT_CERTIFICATES to none.',
    () => ({ ...pair(), TLS_CLIENT_CERTIFICATES: 'required' }),
  ],
  [
    'TLS_CLIENT_CERTIFICATES is not usable: set it to one of none, required.',
    () => ({ TLS_CLIENT_CERTIFICATES: 'yes' }),
  ],
])('%s', async (fault, env) => {
  const error = await read(env()).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(ConfigError)
  expect((error as ConfigError).faults).toEqual([fault])
})

test('who neither listens nor calls reads no certificates', async () => {
  const env = {
    REGISTRAR_DATA_DIR: folder,
    TLS_CERT_FILE: 'nothing',
    DATABASE_URL: 'postgresql://u:p@db/registrar',
  }
  const config = await readProcessConfig(env, { name: 'catalog', needs: ['database'] })
  expect(config.tls).toBeUndefined()
})

test('a public port has a certificate of its own', () => {
  const owner = { name: 'gateway', logLevel: 'silent' as const }
  expect(openPublicTls('GATEWAY_TLS', { cert: undefined, key: undefined }, owner)).toBeUndefined()
  expect(openPublicTls('GATEWAY_TLS', { cert: paths.cert, key: paths.key }, owner)?.read().cert).toBeDefined()
  expect(() => openPublicTls('GATEWAY_TLS', { cert: paths.cert, key: undefined }, owner)).toThrow(
    'GATEWAY_TLS_KEY_FILE is missing: set it to the PEM file that goes with GATEWAY_TLS_CERT_FILE.',
  )
})
