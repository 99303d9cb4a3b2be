import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { arch, platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findTemporalBinary } from './temporal-binary.ts'
import { type TemporalSource, temporalChecksums, temporalVersion } from './temporal-version.ts'

const program = '#!/bin/sh\necho temporal version 9.9.9\n'
const checksums = { [`${platform()}-${arch()}`]: createHash('sha256').update(program).digest('hex') }

let folder: string
let cached: string
let lines: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'temporal-binary-'))
  cached = join(folder, 'cache', 'registrar', `temporal-${temporalVersion}`, 'temporal')
  lines = []
})

afterEach(() => rmSync(folder, { recursive: true }))

function search(sources: TemporalSource[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return findTemporalBinary({
    env: { PATH: '', XDG_CACHE_HOME: join(folder, 'cache'), ...env },
    log: (line) => void lines.push(line),
    sources,
    checksums,
  })
}

function giving(text: string, name = 'a shop'): TemporalSource {
  return {
    name,
    async get(into) {
      writeFileSync(join(into, 'temporal'), text)
      return join(into, 'temporal')
    },
  }
}

const refusing: TemporalSource = {
  name: 'a closed shop',
  async get() {
    throw new Error('getaddrinfo ENOTFOUND')
  },
}

test('a program on the PATH is used, and its version said', async () => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'temporal'), program, { mode: 0o755 })
  expect(await search([refusing], { PATH: `${folder}/nothing:${bin}` })).toBe(join(bin, 'temporal'))
  expect(lines).toEqual([`using ${join(bin, 'temporal')}: temporal version 9.9.9`])
})

test('a program on the PATH that does not run is passed over', async () => {
  writeFileSync(join(folder, 'temporal'), '#!/bin/sh\nexit 3\n', { mode: 0o755 })
  expect(await search([giving(program)], { PATH: folder })).toBe(cached)
})

test('without one it is got once, made executable, and kept in the cache', async () => {
  expect(await search([giving(program)])).toBe(cached)
  expect(readFileSync(cached, 'utf8')).toBe(program)
  expect(await search([refusing])).toBe(cached)
  expect(readdirSync(dirname(cached))).toEqual(['temporal'])
})

test('the second source is asked when the first one fails', async () => {
  expect(await search([refusing, giving(program)])).toBe(cached)
})

test('a program with another checksum is refused and not kept', async () => {
  await expect(search([giving('something else')])).rejects.toThrow(
    /a shop: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}/,
  )
  expect(existsSync(cached)).toBe(false)
})

test('a program that was changed in the cache is not used', async () => {
  await search([giving(program)])
  chmodSync(cached, 0o755)
  writeFileSync(cached, 'changed')
  expect(await search([giving(program)])).toBe(cached)
  expect(readFileSync(cached, 'utf8')).toBe(program)
  writeFileSync(cached, 'changed')
  await expect(search([refusing])).rejects.toThrow(/There is no Temporal CLI/)
})

test('when there is none, one sentence says why and what to do', async () => {
  await expect(search([refusing, { ...refusing, name: 'another' }])).rejects.toThrow(
    'There is no Temporal CLI and it could not be downloaded (a closed shop: getaddrinfo ENOTFOUND; another: getaddrinfo ENOTFOUND): install it (https://docs.temporal.io/cli) so that `temporal` is on the PATH, or set TEMPORAL_ADDRESS to a Temporal server.',
  )
})

test('a cache that cannot be written is told, not thrown', async () => {
  writeFileSync(join(folder, 'cache'), 'a file')
  await expect(search([giving(program)])).rejects.toThrow(/^There is no Temporal CLI .*a shop: /)
})

test('two starts at once both get the program', async () => {
  expect(await Promise.all([search([giving(program)]), search([giving(program)])])).toEqual([cached, cached])
})

test('the checksums of all machines with a build are pinned', () => {
  expect(Object.keys(temporalChecksums).toSorted()).toEqual([
    'darwin-arm64',
    'darwin-x64',
    'linux-arm64',
    'linux-x64',
  ])
  for (const checksum of Object.values(temporalChecksums)) expect(checksum).toMatch(/^[0-9a-f]{64}$/)
})
