import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'
import { areStatuses, type Block, isShown, readBlocks, runBlocks, sectionOf } from './guide.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const binFolder = join(root, 'node_modules/.bin')
const grpcurlVersion = '1.9.3'
const fetchWithinMs = 600_000

let world: World
let school: School
let token: string

beforeAll(async () => {
  world = await runningWorld()
  school = await createSchool(world)
  await school.enroll(school.masters, 1_200)
  token = await school.partner('organization_read_write_enrollments')
})

const environment = () => {
  const { PATH, HOME } = process.env
  const { catalog, enrollment, jobs } = world.addresses
  return { PATH, HOME, TOKEN: token, CATALOG_URL: catalog, ENROLLMENT_URL: enrollment, JOBS_URL: jobs }
}

describe('the example of a client does what it says:', () => {
  const expectStory = (output: string, names: { succeeded: string; notFound: string }) =>
    expect(output.trim().split('\n')).toEqual([
      `program: masters of ${school.key}`,
      expect.stringMatching(/^learners: 120[01]$/),
      'written: example-1 enrolled',
      `job: ${names.succeeded}, with a result`,
      `refused: ${names.notFound}, PROGRAM_NOT_FOUND`,
    ])

  test.each([
    ['connect-node.ts', 'NotFound'],
    ['grpc-js.ts', 'NOT_FOUND'],
  ])('%s', async (file, notFound) => {
    const args = [join(root, 'examples', file), school.masters.key]
    const { stdout } = await run(process.execPath, args, { env: environment() })
    expectStory(stdout, { succeeded: 'SUCCEEDED', notFound })
  })

  test('client.py, with stubs from the protos', { timeout: fetchWithinMs }, async (context) => {
    const packages = await installPythonPackages().catch((error: Error) =>
      context.skip(whyNot('grpcio', error)),
    )
    const stubs = await mkdtemp(join(tmpdir(), 'registrar-stubs-'))
    try {
      const protos = (await run('find', ['registrar', '-name', '*.proto'], { cwd: join(root, 'proto') }))
        .stdout
      const env = { ...environment(), PYTHONPATH: [packages, stubs].join(delimiter) }
      const outputs = [`--python_out=${stubs}`, `--grpc_python_out=${stubs}`]
      const protoc = ['-m', 'grpc_tools.protoc', '-I', join(root, 'proto'), ...outputs]
      await run('python3', [...protoc, ...protos.trim().split('\n')], { env })
      const client = [join(root, 'examples/python/client.py'), school.masters.key]
      const { stdout } = await run('python3', client, { env })
      expectStory(stdout, { succeeded: 'SUCCEEDED', notFound: 'NOT_FOUND' })
    } finally {
      await rm(stubs, { recursive: true, force: true })
    }
  })
})

describe('commands of the guides for internal services do what they say:', async () => {
  const read = (path: string) => readFile(join(root, path), 'utf8')
  const blocks: [string, Block[]][] = [
    ['docs/grpc.md', readBlocks(await read('docs/grpc.md'))],
    ['README.md', readBlocks(sectionOf(await read('README.md'), '### An internal service'))],
  ]
  const tool = ({ commands }: Block) => (/\bgrpcurl\b/.test(commands) ? 'grpcurl' : 'buf or curl')
  const cases = blocks.flatMap(([guide, all]) => all.map((block) => ({ guide, tool: tool(block), block })))

  test.for(cases)('$guide, $tool', { timeout: fetchWithinMs }, async (each, context) => {
    const folders = [binFolder, process.env.PATH ?? '']
    if (each.tool === 'grpcurl') {
      folders.unshift(await installGrpcurl().catch((error: Error) => context.skip(whyNot('grpcurl', error))))
    }
    const { outcomes, errors } = await runBlocks([here(each.block)], {
      TOKEN: token,
      PATH: folders.join(delimiter),
    })
    const [outcome] = outcomes
    expect(outcome, errors).toMatchObject({ isDone: true })
    expect(areStatuses(outcome?.statuses ?? [], each.block.statuses), outcome?.output).toBe(true)
    if (each.block.shown !== undefined)
      expect(isShown(outcome?.output ?? '', each.block.shown), outcome?.output).toBe(true)
  })

  /** The block with the addresses and the program of the tests' system. */
  function here(block: Block): Block {
    const { accessControl, catalog, enrollment, jobs } = world.addresses
    const ports = { 18741: accessControl, 18742: catalog, 18743: enrollment, 18744: jobs }
    let commands = block.commands.replaceAll('demo-masters', school.masters.key)
    for (const [port, url] of Object.entries(ports)) {
      commands = commands.replaceAll(`127.0.0.1:${port}`, new URL(url).host)
    }
    return { ...block, commands }
  }
})

/** What the Python example needs, in the user's cache; rejects where there is no pip, or nothing that it could fetch from. */
async function installPythonPackages(): Promise<string> {
  const requirements = join(root, 'examples/python/requirements.txt')
  const version = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12)
  const python = (
    await run('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
  ).stdout.trim()
  return keepInCache(`python-${python}-grpc-${version}`, async (folder) => {
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--only-binary=:all:',
      '--target',
      folder,
      '-r',
      requirements,
    ]
    await run('python3', pip, {
      timeout: fetchWithinMs,
      env: { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    })
  })
}

/** The folder of grpcurl: the one on PATH, else one in the user's cache; rejects where there is no Go to build it. */
async function installGrpcurl(): Promise<string> {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .find((folder) => existsSync(join(folder, 'grpcurl')))
  if (onPath !== undefined) return onPath
  return keepInCache(`grpcurl-${grpcurlVersion}`, async (folder) => {
    const env = { ...process.env, GOBIN: folder }
    await run('go', ['install', `github.com/fullstorydev/grpcurl/cmd/grpcurl@v${grpcurlVersion}`], {
      timeout: fetchWithinMs,
      env,
    })
  })
}

/** A folder of the user's cache, filled once: whole or not at all. */
async function keepInCache(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const kept = join(caches, 'registrar', name)
  if (existsSync(kept)) return kept
  const unfinished = join(dirname(kept), `unfinished-${randomUUID()}`)
  try {
    await mkdir(unfinished, { recursive: true })
    await fill(unfinished)
    if (!existsSync(kept)) await rename(unfinished, kept)
    return kept
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

const whyNot = (what: string, error: Error) => `${what} cannot be had here: ${error.message.split('\n')[0]}`
