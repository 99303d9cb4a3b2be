import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findTemporalBinary } from '#stack/temporal-binary.ts'
import { loadWorkflowBundle } from '../temporal/workflow-bundle.ts'
import { partRows, personal, runAllKinds, type Told } from '../testing/all-kinds.ts'
import { startTestStack, type TestStack } from '../testing/stack.ts'
import * as workflows from './index.ts'

// What Temporal keeps of jobs. Stored histories hold that new code reads what old code began: after a change that is meant to break
// that (and is guarded by `patched`), RECORD_HISTORIES=1 makes them anew from this run.

type History = { events: Record<string, unknown>[] }

const folder = new URL('./histories/', import.meta.url)
let stack: TestStack
let told: Told[]

beforeAll(async () => {
  stack = await startTestStack({ JOB_PART_ROWS: String(partRows), JOBS_WORKER_CONCURRENCY: '4' })
  told = await runAllKinds(stack)
  if (process.env.RECORD_HISTORIES === '1') await record()
})
afterAll(() => stack.stop())

/** A history in the form that Temporal's command writes and the replayer reads. */
async function exportHistory(workflowId: string): Promise<string> {
  const binary = await findTemporalBinary({ env: process.env, log: () => {} })
  const show = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json']
  const { stdout } = await promisify(execFile)(binary, [...show, '--address', stack.temporal.address], {
    env: { HOME: stack.mediaDir },
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

async function record(): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  for (const { story, workflowId } of told) {
    const history = JSON.parse(await exportHistory(workflowId), withoutMachine)
    await writeFile(new URL(`${story}.json`, folder), `${JSON.stringify(history, null, 1)}\n`)
  }
}

/** Leaves out on whose machine it was. */
function withoutMachine(name: string, value: unknown): unknown {
  if (name === 'identity') return 'registrar'
  return name === 'stackTrace' || name === 'workerInstanceKey' ? undefined : value
}

async function readStored(): Promise<{ workflowId: string; history: History }[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  return Promise.all(
    files.map(async (name) => ({
      workflowId: name,
      history: JSON.parse(await readFile(new URL(name, folder), 'utf8')),
    })),
  )
}

/** What goes wrong when the workflows of today go through these histories. */
async function replay(histories: { workflowId: string; history: unknown }[]): Promise<string[]> {
  const workflowBundle = await loadWorkflowBundle(join(stack.mediaDir, 'bundle'))
  const faults: string[] = []
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
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

test('what a story is stored of has nothing personal in it, nor on which machine it was', async () => {
  for (const { workflowId, history } of await readStored()) {
    const text = opened(JSON.stringify(history))
    for (const each of [...personal.texts, '/src/', 'node_modules'])
      expect({ workflowId, text }).not.toContain(each)
    expect(text).not.toMatch(/\d+@\w/)
  }
})

test('every type of workflow has a stored history', async () => {
  const types = new Set((await readStored()).map(({ workflowId }) => workflowId.split('-')[0]))
  expect([...types].toSorted()).toEqual(Object.keys(workflows).toSorted())
})

test('the workflows of today go through the stored histories and through those of today', async () => {
  const ofToday = await Promise.all(
    told.map(async ({ story, workflowId }) => ({
      workflowId: `${story} of today`,
      history: JSON.parse(await exportHistory(workflowId)),
    })),
  )
  expect(await replay([...(await readStored()), ...ofToday])).toEqual([])
})

test('a workflow that would do otherwise does not go through', async () => {
  const stored = await readStored()
  const parts = stored.filter(({ workflowId }) => workflowId === 'ListProgramEnrollments-parts.json')
  const text = JSON.stringify(parts).replaceAll('"name":"readPart"', '"name":"writePart"')
  expect(await replay(JSON.parse(text))).toEqual([expect.stringContaining('ListProgramEnrollments-parts')])
})
