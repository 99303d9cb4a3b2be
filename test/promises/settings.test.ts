import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const documented = new Set(
  [...read('docs/settings.md').matchAll(/`([A-Z][A-Z0-9_]{3,})`/g)].map(([, name]) => name),
)
const sources = globSync('{services,gateway,test/stack}/**/*.ts', { cwd: root.pathname }).filter(
  (path) => !path.includes('.test.'),
)

test('every setting that a process reads is in docs/settings.md', () => {
  const spec =
    /^\s+([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+): (?:\w+Spec\b|(?:str|port|text|flag|oneOf|wholeNumber|httpUrl|requiredText|optional\w+)[(<])/gm
  const settings = sources.flatMap((path) => [...read(path).matchAll(spec)].map(([, name]) => name))

  expect(settings.length).toBeGreaterThan(20)
  expect([...new Set(settings)].filter((name) => !documented.has(name as string))).toEqual([])
})

test('every setting in docs/settings.md is read somewhere', () => {
  const everything = sources.map(read).join('\n')
  const composed = /^(ACCESS_CONTROL|CATALOG|ENROLLMENT|JOBS|GATEWAY)_(HOST|PORT|URL|DATABASE_URL)$/

  expect(
    [...documented].filter((name) => !composed.test(name as string) && !everything.includes(name as string)),
  ).toEqual([])
})
