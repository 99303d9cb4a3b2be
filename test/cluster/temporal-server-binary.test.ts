import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findTemporalServer, temporalServerVersion } from './temporal-server-binary.ts'

let folder: string
let lines: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'temporal-server-'))
  lines = []
})

afterEach(() => rmSync(folder, { recursive: true }))

const cached = () => join(folder, 'cache', 'registrar', `temporal-server-${temporalServerVersion}`)

function search(path = ''): Promise<string> {
  const env = { PATH: path, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
  return findTemporalServer({ env, log: (line) => void lines.push(line) })
}

/** A Go that makes a program of the package's last name, as the real one does. */
function putGo(
  script = 'touch "$GOBIN/$(basename "$2" | cut -d@ -f1)"; echo "$2" >> "$GOBIN/../asked"',
): string {
  writeFileSync(join(folder, 'go'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'go'), 0o755)
  return `${folder}:/usr/bin:/bin`
}

test('programs on the PATH are used when both are there', async () => {
  const [half, both] = [join(folder, 'half'), join(folder, 'both')]
  for (const [path, names] of [
    [half, ['temporal-server']],
    [both, ['temporal-server', 'temporal-sql-tool']],
  ] as const) {
    mkdirSync(path)
    for (const name of names) writeFileSync(join(path, name), '', { mode: 0o755 })
  }
  expect(await search(`${half}:${both}`)).toBe(both)
})

test('without them Go builds both into the cache, once', async () => {
  const path = putGo()
  expect(await search(path)).toBe(cached())
  expect(readdirSync(cached()).toSorted()).toEqual(['temporal-server', 'temporal-sql-tool'])
  expect(await search('')).toBe(cached())
  expect(lines).toHaveLength(1)
  expect(readdirSync(join(folder, 'cache', 'registrar')).toSorted()).toEqual(['asked', expect.any(String)])
})

test('without Go one sentence says what to install', async () => {
  await expect(search()).rejects.toThrow(
    /^There is no Temporal server and it could not be built \(there is no `go`\): install Go \(https:\/\/go\.dev\/dl\), or put .* on the PATH\.$/,
  )
})

test('a build that fails tells why in the sentence and leaves nothing', async () => {
  await expect(search(putGo('echo "no network" >&2; exit 1'))).rejects.toThrow(
    /could not be built \(no network\)/,
  )
  expect(existsSync(cached())).toBe(false)
  expect(readdirSync(join(folder, 'cache', 'registrar'))).toEqual([])
})
