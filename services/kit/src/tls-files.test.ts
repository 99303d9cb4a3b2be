import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ConfigError } from './config.ts'
import { createLogger } from './logger.ts'
import {
  createTestAuthority,
  type TestAuthority,
  type TestPair,
  writeCertificates,
} from './testing/certificates.ts'
import { openTlsFiles, type TlsFiles, type TlsPaths } from './tls-files.ts'

let authority: TestAuthority
let first: TestPair
let folder: string
let lines: Record<string, unknown>[]

beforeEach(async () => {
  authority = await createTestAuthority()
  first = await authority.issue()
  folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  lines = []
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(folder, { recursive: true })
})

const logger = createLogger('probe', 'info', { write: (line) => void lines.push(JSON.parse(line)) })
const pathsIn = (where: string): TlsPaths => ({
  cert: { setting: 'TLS_CERT_FILE', path: join(where, 'tls.crt') },
  key: { setting: 'TLS_KEY_FILE', path: join(where, 'tls.key') },
  ca: { setting: 'TLS_CA_FILE', path: join(where, 'ca.crt') },
})
const open = () => openTlsFiles(pathsIn(folder), logger)
const write = (what: Partial<TestPair> & { ca?: string }) => writeCertificates(folder, what)
const certOf = (files: TlsFiles) => files.read().cert?.toString().trimEnd()
const warnings = () => lines.filter(({ level }) => level === 40)

test('what the files hold is given as it is, for TLS 1.2 and later', async () => {
  await write({ ...first, ca: authority.cert })
  const { cert, key, ca, minVersion } = open().read()
  expect([cert, key, ca].map((pem) => String(pem).trim())).toEqual([
    first.cert,
    first.key.trim(),
    authority.cert,
  ])
  expect(minVersion).toBe('TLSv1.2')
})

test('authorities are all there, whether a line ends between them or not', async () => {
  const other = await createTestAuthority()
  await write({ ...first, ca: authority.cert + other.cert })
  expect(open().read().ca?.toString()).toBe(`${authority.cert}\n${other.cert}\n`)
})

test('a new pair is in use at once for who reads, and is told to who listens', async () => {
  await write({ ...first, ca: authority.cert })
  const files = open()
  const told: (string | undefined)[] = []
  files.onChange(({ cert }) => told.push(cert?.toString().trimEnd()))
  const stop = files.onChange(() => told.push('not any more'))
  stop()
  const second = await authority.issue()
  await write(second)
  expect(certOf(files)).toBe(second.cert)
  expect(files.read()).toBe(files.read())
  expect(told).toEqual([second.cert])
})

test('a new pair is found without anybody who reads', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  await write({ ...first, ca: authority.cert })
  const told = vi.fn()
  open().onChange(told)
  await write(await authority.issue())
  vi.advanceTimersByTime(5_000)
  expect(told).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(60_000)
  expect(told).toHaveBeenCalledTimes(1)
})

test('files that are swapped by a symbolic link are found', async () => {
  const [old, next] = [join(folder, '..old'), join(folder, '..next')]
  const second = await authority.issue()
  for (const [where, pair] of [
    [old, first],
    [next, second],
  ] as const) {
    await mkdir(where)
    await writeCertificates(where, { ...pair, ca: authority.cert })
  }
  await symlink(old, join(folder, '..data'))
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) await symlink(join('..data', name), join(folder, name))
  const files = open()
  expect(certOf(files)).toBe(first.cert)
  await symlink(next, join(folder, '..data.new'))
  await rename(join(folder, '..data.new'), join(folder, '..data'))
  expect(certOf(files)).toBe(second.cert)
})

const expired = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) }
const later = { notBefore: new Date(Date.now() + 1_800_000) }

test.each<[string, () => Promise<Partial<TestPair> & { ca?: string }>]>([
  ['a broken certificate', async () => ({ cert: first.cert.replace(/\n[^-]{20}/, '\nAAAA') })],
  ['no certificate', async () => ({ cert: 'hello' })],
  ['a certificate without its key', async () => ({ cert: (await authority.issue()).cert })],
  ['no key', async () => ({ key: 'hello' })],
  ['an expired certificate', () => authority.issue(expired)],
  ['a certificate of the future', () => authority.issue(later)],
  ['no authority', async () => ({ ca: '' })],
])('%s in a new file keeps the old ones, with one warning, until it is mended', async (_, broken) => {
  await write({ ...first, ca: authority.cert })
  const files = open()
  const told = vi.fn()
  files.onChange(told)
  await write(await broken())
  expect(certOf(files)).toBe(first.cert)
  expect(certOf(files)).toBe(first.cert)
  expect(told).not.toHaveBeenCalled()
  expect(warnings()).toMatchObject([{ fault: expect.stringMatching(/^TLS_(CERT|KEY|CA)_FILE /) }])
  const second = await authority.issue()
  await write({ ...second, ca: authority.cert })
  expect(certOf(files)).toBe(second.cert)
  expect(warnings()).toHaveLength(1)
})

test('a file that is gone keeps the old ones', async () => {
  await write({ ...first, ca: authority.cert })
  const files = open()
  await rm(join(folder, 'tls.key'))
  expect(certOf(files)).toBe(first.cert)
  expect(warnings()).toMatchObject([
    { fault: expect.stringContaining('TLS_KEY_FILE cannot be read (ENOENT)') },
  ])
})

test.each<[string, () => Promise<Partial<TestPair> & { ca?: string }>]>([
  ['TLS_CERT_FILE holds no certificate: set it to a PEM file with one.', async () => ({ cert: first.key })],
  ['TLS_CERT_FILE is valid from ', () => authority.issue(expired)],
  ['TLS_KEY_FILE holds no usable key: set it to a PEM file', async () => ({ key: first.cert })],
  [
    'TLS_KEY_FILE is not the key of TLS_CERT_FILE: set both',
    async () => ({ key: (await authority.issue()).key }),
  ],
  ['TLS_CA_FILE holds no certificate: set it to', async () => ({ ca: 'hello' })],
])('at the start it is a fault: %s', async (sentence, broken) => {
  await write({ ...first, ca: authority.cert, ...(await broken()) })
  expect(open).toThrow(ConfigError)
  expect(open).toThrow(sentence)
})

test('at the start a file that is not there is a fault', async () => {
  await writeFile(join(folder, 'tls.crt'), first.cert)
  expect(open).toThrow(
    'TLS_KEY_FILE cannot be read (ENOENT): set it to a PEM file that this process may read.',
  )
})
