import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { startSeaweedfs, type TestS3 } from '#stack/seaweedfs.ts'
import { createSchool } from '../fixtures/school.ts'
import { startTestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'
import { connectDatabase } from './context.ts'
import { peakMemory, type Row, resetPeakMemory, timeRuns } from './measure.ts'
import { fill, runJob } from './read-jobs.ts'

const count = 1_000_000
const runs = 3

/** A million rows to S3, beside COPY of the same rows into one object there. To a folder it is a row of `read-jobs`. */
export async function measureJobStorage(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'registrar-bench-'))
  const s3 = await startSeaweedfs(folder)
  const client = new S3Client({ ...s3, forcePathStyle: true })
  try {
    await client.send(new CreateBucketCommand({ Bucket: 'registrar' }))
    return [await measureS3(s3, client)]
  } finally {
    client.destroy()
    await s3.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measureS3(s3: TestS3, client: S3Client): Promise<Row> {
  const system = await startTestStack(s3.env)
  try {
    const world = await connectWorld(system.addresses)
    const school = await createSchool(world)
    const token = await school.partner('organization_read_enrollments')
    await fill({ world }, school.masters, count)
    const url = `${system.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`
    const measured = ['jobs-worker', 'enrollment'] as const
    const pids = measured.map((part) => [part, system.stack.pid(part) ?? 0] as const)
    for (const [, pid] of pids) resetPeakMemory(pid)
    const ours = await timeRuns(runs, () => runJob(url, token))
    const memory = pids.map(([part, pid]) => `${part} ${peakMemory(pid).toFixed(0)}`).join(', ')

    const databaseUrl = system.stack.env.DATABASE_URL ?? ''
    const database = await connectDatabase({ databaseUrl }, 'enrollment')
    const floor = await timeRuns(runs, () => copyToObject(database, client, school.masters.uuid))
    await database.end()
    return {
      work: `read job, ${count.toLocaleString('en')} rows to S3 (JSON)`,
      ours: `${ours.toFixed(2)} s; peak MiB: ${memory}`,
      floor: `${floor.toFixed(2)} s (COPY into one object)`,
      ratio: (ours / floor).toFixed(1),
    }
  } finally {
    await system.close()
  }
}

async function copyToObject(database: pg.Client, client: S3Client, programUuid: string): Promise<void> {
  const Body = new PassThrough()
  const upload = new Upload({ client, params: { Bucket: 'registrar', Key: 'floor', Body } })
  const rows = database.query(
    copyTo(`copy (select json_build_object('student_key', student_key, 'status', status, 'account_exists', username is not null)
      from program_enrollments where program_uuid = '${programUuid}' order by id) to stdout`),
  )
  await Promise.all([pipeline(rows, Body), upload.done()])
}
