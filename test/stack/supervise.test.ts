import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProcessSpec } from './process-run.ts'
import { recordOf } from './running-process.ts'
import { backoffOf, type SupervisedProcess, supervise } from './supervise.ts'

let folder: string
let lines: string[]
let printed: string[]
const started: SupervisedProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'supervise-'))
  lines = []
  printed = []
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((supervised) => supervised.stop()))
  rmSync(folder, { recursive: true })
})

const reports = {
  log: (line: string) => void lines.push(line),
  output: (name: string, line: string) => void printed.push(`${name} | ${line}`),
}

/** A small Node program run as a process of ours. */
function program(source: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  const file = join(folder, `${Math.random()}.mjs`)
  writeFileSync(file, source)
  return { name: 'catalog', command: process.execPath, args: [file], env: {}, sendsReady: true, ...more }
}

async function start(spec: ProcessSpec, signal?: AbortSignal): Promise<SupervisedProcess> {
  const supervised = await supervise(spec, reports, signal)
  started.push(supervised)
  return supervised
}

const serves = `process.on('disconnect', () => process.exit()); setInterval(() => {}, 1000); process.send('ready')`

test('a process is started once it says ready, sees only its own environment, and its output carries its name', async () => {
  const supervised = await start(
    program(`console.log(JSON.stringify(Object.keys(process.env))); console.error('careful'); ${serves}`, {
      env: { ONLY: 'this' },
    }),
  )
  expect(recordOf(supervised.pid as number)).toBeDefined()
  await expect.poll(() => printed.toSorted()).toEqual(['catalog | ["ONLY"]', 'catalog | careful'])
})

test('a process is not ready before its check passes', async () => {
  let asked = 0
  const check = async () => {
    asked += 1
    if (asked < 3) throw new Error('not yet')
  }
  await start(program(serves, { check }))
  expect(asked).toBe(3)
})

test('a process that is killed is started again and said so', async () => {
  const supervised = await start(program(serves))
  const before = supervised.pid as number
  const back = supervised.restarted()
  supervised.kill('SIGKILL')
  const after = await back
  expect(after).not.toBe(before)
  expect(supervised.pid).toBe(after)
  expect(lines).toEqual([
    'catalog ended (SIGKILL): starting it again in 0.25 s',
    `catalog is back (process ${after})`,
  ])
})

test('a process that keeps ending is started later and later', async () => {
  const marker = join(folder, 'started')
  const supervised = await start(
    program(`import { existsSync, appendFileSync, readFileSync } from 'node:fs'
      appendFileSync(${JSON.stringify(marker)}, 'x')
      const starts = readFileSync(${JSON.stringify(marker)}, 'utf8').length
      if (starts > 1 && starts < 4) process.exit(7)
      ${serves}`),
  )
  const back = supervised.restarted()
  supervised.kill('SIGTERM')
  await back
  expect(lines.slice(0, 3)).toEqual([
    'catalog ended (SIGTERM): starting it again in 0.25 s',
    'catalog ended (exit code 7): starting it again in 0.5 s',
    'catalog ended (exit code 7): starting it again in 1 s',
  ])
})

test('the pause before a restart doubles up to 30 seconds', () => {
  expect([0, 1, 2, 6, 7, 50].map(backoffOf)).toEqual([250, 500, 1_000, 16_000, 30_000, 30_000])
})

test('a process that ends before it is ready is a problem in one sentence with its last words', async () => {
  const ends = program(
    `console.error('CATALOG_PORT is 0: set it to a port from 1 to 65535.'); process.exit(1)`,
  )
  await expect(start(ends)).rejects.toThrow(
    'catalog did not start (exit code 1): CATALOG_PORT is 0: set it to a port from 1 to 65535.',
  )
})

test('an uncaught error at the start is told by its message, not by its stack', async () => {
  const throws = program(`throw new Error('no such table')`)
  await expect(start(throws)).rejects.toThrow('catalog did not start (exit code 1): Error: no such table')
})

test('a program that does not exist is a problem, not a crash', async () => {
  await expect(start({ ...program(''), command: '/nonexistent/program' })).rejects.toThrow(
    /^catalog did not start \(spawn \/nonexistent\/program ENOENT\)/,
  )
})

test('a process that is not ready in time is stopped', async () => {
  const pidFile = join(folder, 'pid')
  const silent = program(
    `import { writeFileSync } from 'node:fs'
     writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000)`,
    { readyWithin: 1_500 },
  )
  await expect(start(silent)).rejects.toThrow('catalog was not ready within 1.5 s.')
  expect(recordOf(Number(readFileSync(pidFile, 'utf8')))).toBeUndefined()
})

test('a start that is given up leaves nothing running', async () => {
  const giveUp = new AbortController()
  const starting = start(program(`console.log(process.pid); setInterval(() => {}, 1000)`), giveUp.signal)
  await expect.poll(() => printed.length).toBe(1)
  giveUp.abort()
  await expect(starting).rejects.toThrow('catalog was stopped before it was ready.')
  expect(recordOf(Number(printed[0]?.split(' ').at(-1)))).toBeUndefined()
})

test('a stop lets the process finish and it is not started again', async () => {
  const supervised = await start(
    program(`process.on('SIGTERM', () => { console.log('closed in order'); process.exit() }); ${serves}`),
  )
  const pid = supervised.pid as number
  const back = supervised.restarted()
  back.catch(() => {})
  await supervised.stop()
  expect(recordOf(pid)).toBeUndefined()
  await expect.poll(() => printed).toEqual(['catalog | closed in order'])
  await expect(back).rejects.toThrow('catalog was stopped')
  expect(lines).toEqual([])
})

test('a process that ignores the stop signal is killed with everything it started', async () => {
  const supervised = await start(
    program(
      `import { spawn } from 'node:child_process'
       process.on('SIGTERM', () => {})
       console.log(spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']).pid); ${serves}`,
      { stopWithin: 300 },
    ),
  )
  await expect.poll(() => printed.length).toBe(1)
  const pids = [supervised.pid as number, Number(printed[0]?.split(' ').at(-1))]
  await supervised.stop()
  await expect.poll(() => pids.map(recordOf)).toEqual([undefined, undefined])
  expect(lines).toEqual(['catalog did not stop within 0.3 s: killing it'])
})

test('a process ends with a supervisor that was killed', async () => {
  const { args } = program(serves)
  const supervisor = join(folder, 'supervisor.mjs')
  const library = JSON.stringify(new URL('supervise.ts', import.meta.url))
  const spec = JSON.stringify({ name: 'catalog', command: process.execPath, args, env: {}, sendsReady: true })
  writeFileSync(
    supervisor,
    `import { supervise } from ${library}
     const { pid } = await supervise(${spec}, { log() {}, output() {} })
     console.log(pid)`,
  )
  const child = spawn(process.execPath, [supervisor], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = Number(await new Promise((resolve) => child.stdout.once('data', resolve)))
  expect(recordOf(pid)).toBeDefined()
  child.kill('SIGKILL')
  await expect.poll(() => recordOf(pid), { timeout: 10_000 }).toBeUndefined()
})

test('a stop while a restart is waiting starts nothing', async () => {
  const supervised = await start(program(serves))
  supervised.kill('SIGKILL')
  await expect.poll(() => lines.length).toBe(1)
  await supervised.stop()
  expect(supervised.pid).toBeUndefined()
  expect(lines).toHaveLength(1)
})

test('a process that is held is not started again before it is let go', async () => {
  const supervised = await start(program(serves))
  const back = supervised.restarted()
  const letGo = supervised.hold()
  supervised.kill('SIGKILL')
  await sleep(600)
  expect([supervised.pid, lines.length]).toEqual([undefined, 1])
  letGo()
  expect(await back).toBe(supervised.pid)
})
