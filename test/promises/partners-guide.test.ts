import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { buildDeclared } from '../contract/declared.ts'

const guide = readFileSync(new URL('../../docs/partners.md', import.meta.url), 'utf8')
const commands = [...guide.matchAll(/^```sh\n([\s\S]*?)^```\n/gm)].map(([, block = '']) => block).join('\n')

/** A call in the words of the guide: `GET /programs/P`. */
let calls: string[]

beforeAll(async () => {
  const { app, routes } = await buildDeclared()
  await app.close()
  calls = routes
    .filter(({ isHidden, method, url }) => !isHidden && method !== 'HEAD' && !url.startsWith('/api/v2/'))
    .map(
      ({ method, url }) =>
        `${method} ${url.replace('/api/v1/', '/').replaceAll(/\{(\w)\w*\}/g, (_, first) => first.toUpperCase())}`,
    )
})

test('the guide’s table has every call of the API’s own page, and no other', () => {
  const rows = guide.matchAll(/^\| ((?:`[A-Z]+`, )*`[A-Z]+ \/\S+`) \|.*\|.*\|$/gm)
  const told = [...rows].flatMap(([, cell = '']) => {
    const [, path = ''] = /(\/[^`]+)`$/.exec(cell) ?? []
    return [...cell.matchAll(/`([A-Z]+)/g)].map(([, method = '']) => `${method} ${path}`)
  })

  expect(told.toSorted()).toEqual(calls.toSorted())
})

test('each call is made by a command of the guide, which the guide’s test runs', () => {
  const told = commands
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /\bcurl\b/.test(line))
  const missing = calls.filter((call) => !told.some((line) => isMade(call, line)))

  expect(missing).toEqual([])
})

function isMade(call: string, command: string): boolean {
  const [method = '', path = ''] = call.split(' ')
  const [, given = / -(d|F) /.test(command) ? 'POST' : 'GET'] = / -X (\w+)/.exec(command) ?? []
  return given === method && patternOf(path).test(command)
}

function patternOf(path: string): RegExp {
  // Jobs are asked for by the address that the 202 gave.
  const written = path.startsWith('/jobs/J')
    ? `"\\$(1|JOB)${path.slice('/jobs/J'.length)}"`
    : `(\\$API|\\}|\\}/v3)${path.replace('/api/v3', '').replace('P', '\\$PROGRAM').replace('/C/', '/[^/"]+/')}["?]`
  return new RegExp(written)
}
