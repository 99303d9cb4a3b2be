import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { describeProgram } from '../edx/discovery.ts'
import { callRest } from '../fixtures/rest.ts'
import { startTestStack, type TestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'
import { peakMemory, type Row, resetPeakMemory, timeRuns } from './measure.ts'
import { runJob } from './read-jobs.ts'

const learners = 100_000
const pageSize = 1_000
const writeRuns = 200

/** A system beside stand-ins in a process of their own, and one program that all of them know. */
type EdxBench = {
  settings: Record<string, string>
  system: TestStack
  token: string
  program: { key: string; uuid: string }
}

/** Work that the LMS does for us, beside the same work straight at the LMS. */
export async function measureEdx(): Promise<Row[]> {
  const standIns = fork(new URL('../edx/main.ts', import.meta.url), {
    env: { ...process.env, EDX_LMS_PORT: '0', EDX_DISCOVERY_PORT: '0' },
    silent: true,
  })
  try {
    return await measureBeside(standIns)
  } finally {
    standIns.disconnect()
  }
}

async function measureBeside(standIns: ChildProcess): Promise<Row[]> {
  const [{ settings }] = (await once(standIns, 'message')) as [Pick<EdxBench, 'settings'>]
  const system = await startTestStack(settings)
  try {
    const bench = { settings, system, ...(await fill(settings, system)) }
    return [await measureReading(bench), await measureWriting(bench)]
  } finally {
    await system.close()
  }
}

async function fill(settings: Record<string, string>, system: TestStack) {
  const uuid = randomUUID()
  const courseRun = { key: 'course-v1:Bench+A+1', title: 'A' }
  const organization = { uuid: randomUUID(), key: 'bench' }
  await control(settings.LMS_BASE_URL, 'programs', [
    { uuid, courseKeys: [courseRun.key], generate: learners },
  ])
  await control(settings.DISCOVERY_BASE_URL, 'programs', [
    describeProgram({
      uuid,
      title: 'Bench',
      curriculumUuid: uuid,
      organizations: [organization],
      courseRuns: [courseRun],
    }),
  ])
  const world = await connectWorld(system.addresses)
  const { catalog, accessControl } = world.operator
  const { programs } = await catalog.importPrograms({
    programs: [{ discoveryUuid: uuid, key: 'bench-masters' }],
  })
  const { organization: imported } = await catalog.getOrganization({
    key: programs[0]?.organizationKey ?? '',
  })
  const resource = { target: { case: 'organizationId' as const, value: imported?.id ?? '' } }
  await accessControl.createGroup({ name: 'bench', role: 'organization_read_write_enrollments', resource })
  await accessControl.createUser({ username: 'bench', groupNames: ['bench'] })
  return { token: await world.token('bench'), program: { key: 'bench-masters', uuid } }
}

async function control(
  server: string | undefined,
  path: string,
  body: unknown,
): Promise<Record<string, string>> {
  const {
    status,
    body: answer,
    text,
  } = await callRest(`${server}/_control/${path}`, { method: 'POST', body })
  if (status !== 200) throw new Error(`${status}: ${text}`)
  return answer as Record<string, string>
}

async function measureReading({ settings, system, token, program }: EdxBench): Promise<Row> {
  const url = `${system.addresses.gateway}/api/v1/programs/${program.key}/enrollments`
  const parts = (['jobs-worker', 'enrollment'] as const).map(
    (part) => [part, system.stack.pid(part) ?? 0] as const,
  )
  for (const [, pid] of parts) resetPeakMemory(pid)
  const ours = await timeRuns(5, () => runJob(url, token))
  const memory = parts.map(([part, pid]) => `${part} ${peakMemory(pid).toFixed(0)}`).join(', ')
  const headers = await lmsHeaders(settings)
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  const first = `${enrollmentsAt(settings, program)}?page_size=${pageSize}`
  const floor = await timeRuns(5, (run) => writePages(first, headers, join(folder, `${run}.csv`)))
  await rm(folder, { recursive: true })
  return {
    work: `read job, ${learners.toLocaleString('en')} rows of an LMS (JSON)`,
    ours: `${ours.toFixed(3)} s; peak MiB: ${memory}`,
    floor: `${floor.toFixed(3)} s (a loop along \`next\`, pages of ${pageSize.toLocaleString('en')}, lines to disk)`,
    ratio: (ours / floor).toFixed(1),
  }
}

/** The least that reading can be: a page, its lines to disk, the next page. */
async function writePages(first: string, headers: Record<string, string>, path: string): Promise<void> {
  const file = createWriteStream(path)
  for (let url: string | null = first; url !== null; ) {
    const response: Response = await fetch(url, { headers })
    const page = (await response.json()) as {
      next: string | null
      results: { student_key: string; status: string; account_exists: boolean }[]
    }
    for (const row of page.results) file.write(`${row.student_key},${row.status},${row.account_exists}\n`)
    url = page.next
  }
  file.end()
  await finished(file)
}

async function measureWriting({ settings, system, token, program }: EdxBench): Promise<Row> {
  const batch = (name: string) =>
    Array.from({ length: 25 }, (_, index) => ({
      student_key: `${name}-${index}`,
      status: 'enrolled',
      curriculum_uuid: program.uuid,
    }))
  const post = async (url: string, headers: Record<string, string>, name: string) => {
    const { status, text } = await callRest(url, { method: 'POST', headers, body: batch(name) })
    if (status !== 200) throw new Error(`${status}: ${text}`)
  }
  const gateway = `${system.addresses.gateway}/api/v1/programs/${program.key}/enrollments`
  const headers = await lmsHeaders(settings)
  const ours = await timeRuns(writeRuns, (run) =>
    post(gateway, { authorization: `JWT ${token}` }, `ours-${run}`),
  )
  const floor = await timeRuns(writeRuns, (run) =>
    post(enrollmentsAt(settings, program), headers, `floor-${run}`),
  )
  const [oursMs, floorMs] = [ours * 1_000, floor * 1_000]
  return {
    work: 'POST 25 enrollments to an LMS, 1 connection',
    ours: `${oursMs.toFixed(1)} ms, ${(oursMs - floorMs).toFixed(1)} ms of them added`,
    floor: `${floorMs.toFixed(1)} ms (straight to the LMS)`,
    ratio: (ours / floor).toFixed(1),
  }
}

function enrollmentsAt({ LMS_BASE_URL: lms }: Record<string, string>, { uuid }: EdxBench['program']): string {
  return `${lms}/api/program_enrollments/v1/programs/${uuid}/enrollments/`
}

async function lmsHeaders({ LMS_BASE_URL: lms }: Record<string, string>): Promise<Record<string, string>> {
  const { token } = await control(lms, 'tokens', { username: 'bench', claims: { administrator: true } })
  return { authorization: `JWT ${token}` }
}
