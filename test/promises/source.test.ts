import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path.endsWith('.ts') && existsSync(new URL(path, root)))
const linesOf = (path: string) => readFileSync(new URL(path, root), 'utf8').split('\n').length

describe('a file is read in one sitting', () => {
  const limits: [string, RegExp, number][] = [
    ['handlers', /\/src\/handlers\/(?!.*\.test\.ts$)/, 60],
    ['main.ts', /\/main\.ts$/, 60],
    ['any file', /(?<!\.test)\.ts$/, 300],
  ]
  test.each(limits)('%s', (_, pattern, limit) => {
    const long = files.filter((path) => pattern.test(path) && linesOf(path) > limit + 1)
    expect(long).toEqual([])
  })
})

test('only a config file, a store’s connection or a command reads the environment', () => {
  const readers = files.filter(
    (path) =>
      /^(services|gateway)\//.test(path) &&
      !/\.test\.ts$|\/testing\/|\/(main|worker|config|lifecycle|keys)\.ts$/.test(path) &&
      /process\.env/.test(readFileSync(new URL(path, root), 'utf8')),
  )
  expect(readers).toEqual([])
})
