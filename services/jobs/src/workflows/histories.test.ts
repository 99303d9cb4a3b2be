import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadWorkflowBundle } from '../temporal/workflow-bundle.ts'
import { partRows, personal, runAllKinds, type Told } from '../testing/all-kinds.ts'
import { startTestStack, type TestStack } from '../testing/stack.ts'
import { readHistory, writeHistory } from '../testing/stored-histories.ts'
import * as workflows from './index.ts'

// What Temporal keeps of jobs. Stored histories hold that new code reads what old code began: after a change that is meant to break
// that (and is guarded by `patched`), RECORD_HISTORIES=1 makes them anew from this run.

const folder = new URL('./histories/', import.meta.url)
let stack: TestStack
let told: Told[]

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('WARN') })
  stack = await startTestStack({
    JOB_PART_ROWS: String(partRows),
    JOBS_WORKER_CONCURRENCY: '4',
    DISCOVERY_SYNC_INTERVAL: '86400',
  })
  told = await runAllKinds(stack)
  if (process.env.RECORD_HISTORIES === '1') await record()
})
afterAll(() => stack.stop())

async function fetchHistory(workflowId: string): Promise<string> {
  const temporal = await stack.temporal.client()
  return writeHistory(await temporal.workflow.getHandle(workflowId).fetchHistory())
}

async function record(): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  for (const { story, workflowId } of told) {
    await writeFile(new URL(`${story}.json`, folder), await fetchHistory(workflowId))
  }
}

async function readStored(): Promise<{ story: string; text: string }[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  return Promise.all(
    files.map(async (name) => ({
      story: name.replace('.json', ''),
      text: await readFile(new URL(name, folder), 'utf8'),
    })),
  )
}

/** What goes wrong when the workflows of today go through these histories. */
async function replay(stories: { story: string; text: string }[], isTraced = false): Promise<string[]> {
  const workflowBundle = await loadWorkflowBundle(join(stack.mediaDir, 'bundle'), { isTraced })
  const histories = stories.map(({ story, text }) => ({ workflowId: story, history: readHistory(text) }))
  const sinks = { exporter: { export: { fn() {} } } }
  const faults: string[] = []
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle, sinks }, histories)) {
    if (error !== undefined) faults.push(`${workflowId}: ${error.message}`)
  }
  return faults
}

/** A text, with what is written in base64 in it. */
function opened(text: string): string {
  return text.replaceAll(/"([A-Za-z0-9+/]{4,}={0,2})"/g, (whole, data) => {
    const plain = Buffer.from(data, 'base64').toString('utf8')
    return plain.includes('�') ? whole : `${whole} ${opened(plain)}`
  })
}

test('nothing personal is in the history, the description or the list of any workflow', async () => {
  const temporal = await stack.temporal.client()
  const kept: string[] = []
  for await (const { workflowId, runId, raw } of temporal.workflow.list()) {
    const handle = temporal.workflow.getHandle(workflowId, runId)
    const about = await handle.describe()
    const { events } = await handle.fetchHistory()
    kept.push(opened(JSON.stringify([raw, about.raw, events])))
  }
  const everything = kept.join('\n')
  // What is looked through is readable, and whole.
  expect(kept.length).toBeGreaterThanOrEqual(told.length)
  expect(everything).toContain('"programKey":"masters"')
  expect(everything).toContain('Read part 2, from row 2001')
  expect(everything).toContain('The LMS is closed today.')
  for (const text of personal.texts) expect(everything).not.toContain(text)
})

test('what is stored has nothing personal in it, nor on whose machine it was', async () => {
  for (const { story, text } of await readStored()) {
    const all = opened(text)
    for (const each of [...personal.texts, '/src/', 'node_modules', hostname()]) {
      expect(all.includes(each), `${story} holds ${each}`).toBe(false)
    }
  }
})

test('every type of workflow has a stored history', async () => {
  const types = new Set((await readStored()).map(({ story }) => story.split('-')[0]))
  expect([...types].toSorted()).toEqual(Object.keys(workflows).toSorted())
})

test('the workflows of today go through the stored histories and through those of today', async () => {
  const ofToday = told.map(async ({ story, workflowId }) => ({
    story: `${story} of today`,
    text: await fetchHistory(workflowId),
  }))
  expect(await replay([...(await readStored()), ...(await Promise.all(ofToday))])).toEqual([])
})

test('they do so too where they are traced', async () => {
  expect(await replay(await readStored(), true)).toEqual([])
})

test('a workflow that would do otherwise does not go through', async () => {
  const parts = (await readStored()).filter(({ story }) => story === 'ListProgramEnrollments-parts')
  const changed = parts.map(({ story, text }) => ({
    story,
    text: text.replaceAll('"readPart"', '"writePart"'),
  }))
  expect(await replay(changed)).toEqual([expect.stringContaining('ListProgramEnrollments-parts')])
})
