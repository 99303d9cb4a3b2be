import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { startSeaweedfs } from '#stack/seaweedfs.ts'
import { type Use, watchProcesses } from '../bench/processes.ts'
import { createSchool } from '../fixtures/school.ts'
import { freeEnvironment } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'
import { startCluster } from './cluster.ts'
import { createLoads } from './loads.ts'
import { connectionsOf, sizesOf } from './sizes.ts'
import { type ProcessFigures, sizingTable } from './sizing.ts'

/**
 * `npm run measure:cluster`: what the topology of production uses at rest and for each kind of work, as the tables that docs/operations.md
 * counts with. SECONDS (60) is how long each is measured.
 */
const seconds = Number(process.env.SECONDS || 60)
const learners = 2_000

const folder = await mkdtemp(join(tmpdir(), 'registrar-measure-'))
const s3 = await startSeaweedfs(folder)
const client = new S3Client({ ...s3, forcePathStyle: true })
await client.send(new CreateBucketCommand({ Bucket: 'registrar' }))
const env = await freeEnvironment({ LOG_LEVEL: 'info', ...s3.env })
const stack = await startCluster({ env, log: console.error })
try {
  await measure()
} finally {
  await stack.stop()
  client.destroy()
  await s3.stop()
  for (const path of [folder, stack.settings.dataDir]) await rm(path, { recursive: true, force: true })
}
process.exit()

async function measure(): Promise<void> {
  const databaseUrl = stack.env.DATABASE_URL as string
  const addresses = { ...stack.urls, dataDir: stack.settings.dataDir }
  const school = await createSchool(await connectWorld(addresses))
  console.log(
    `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${seconds} s each\n`,
  )

  const empty = await sizesOf(databaseUrl)
  await school.enroll(school.masters, learners)
  const filled = await sizesOf(databaseUrl)
  const perEnrollment = (filled.enrollment - empty.enrollment) / learners
  const loads = createLoads({
    ...{ gateway: addresses.gateway, school, seconds },
    token: await school.partner('organization_read_write_enrollments'),
  })

  const rows: Row[] = []
  const grown: { jobs: number; temporal: number }[] = []
  const processes = [
    ...stack.parts.map((name) => ({ name, pid: stack.pid(name) as number })),
    { name: 's3', pid: s3.process.pid as number },
  ]
  for (const { work, run } of loads) {
    // What the work before has left to do is done.
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    const before = await sizesOf(databaseUrl)
    const [tell, beganAt] = [watchProcesses(processes), performance.now()]
    const count = await run()
    const elapsedSeconds = (performance.now() - beganAt) / 1000
    rows.push({
      work,
      count,
      elapsedSeconds,
      uses: tell(),
      mebibytes: processes.map(({ pid }) => memoryOf(pid)),
    })
    const after = await sizesOf(databaseUrl)
    if (!work.includes('job')) continue
    const perJob = (name: 'jobs' | 'temporal') => Math.round((after[name] - before[name]) / count)
    grown.push({ jobs: perJob('jobs'), temporal: perJob('temporal') })
    console.log(`${work}: ${perJob('jobs')} bytes in our tables, ${perJob('temporal')} in Temporal's, each`)
  }
  console.log(`an enrollment: ${Math.round(perEnrollment)} bytes with its history`)
  console.log(`connections: ${await connectionsOf(databaseUrl)}\n`)
  print(rows)
  const [job, temporalJob] = [grown.map(({ jobs }) => jobs), grown.map(({ temporal }) => temporal)].map(
    (each) => Math.max(...each),
  ) as [number, number]
  console.log(`\n${sizingTable(figuresOf(rows), { enrollment: perEnrollment, job, temporalJob }).join('\n')}`)
}

type Row = { work: string; count: number; elapsedSeconds: number; uses: Use[]; mebibytes: number[] }

/** MiB of a process and of those that it has started; what they share counts once. */
function memoryOf(pid: number): number {
  const family = readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false
    return Number(entry) === pid || read(`/proc/${entry}/stat`).split(') ')[1]?.split(' ')[1] === String(pid)
  })
  const sizes = family.map((entry) => /^Pss:\s+(\d+)/m.exec(read(`/proc/${entry}/smaps_rollup`))?.[1])
  return sizes.reduce((sum, kibibytes) => sum + Number(kibibytes ?? 0), 0) / 1024
}

/** Nothing when the process has ended in between. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** CPU milliseconds of each process for one unit of each work, what it takes at rest left out; at rest, of a second. */
function figuresOf([rest, ...others]: readonly Row[]): ProcessFigures[] {
  if (rest === undefined) return []
  return rest.uses.map(({ name, cpuSeconds }, index) => {
    const atRest = cpuSeconds / rest.elapsedSeconds
    const perUnit = others.map(({ count, elapsedSeconds, uses }) => {
      const used = (uses[index] as Use).cpuSeconds - atRest * elapsedSeconds
      return (used * 1000) / count
    })
    const [get, patch, read, upload] = perUnit as [number, number, number, number]
    const mebibytes = Math.max(...[rest, ...others].map((row) => row.mebibytes[index] as number))
    return { name, atRest: atRest * 1000, perUnit: { get, patch, read, upload }, mebibytes }
  })
}

function print(rows: readonly Row[]): void {
  console.log(`| process | ${rows.map(({ work }) => work).join(' | ')} | MiB at rest | MiB at most |`)
  console.log(`|---|${rows.map(() => '---').join('|')}|---|---|`)
  for (const [index, { name, atRest, perUnit, mebibytes }] of figuresOf(rows).entries()) {
    const cells = [atRest, ...Object.values(perUnit)].map((each) => each.toFixed(1))
    const idle = rows[0]?.mebibytes[index] as number
    console.log(`| ${name} | ${cells.join(' | ')} | ${Math.round(idle)} | ${Math.round(mebibytes)} |`)
  }
  console.log(`| count | ${rows.map(({ count }) => count).join(' | ')} | | |`)
}
