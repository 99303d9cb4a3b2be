import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DataFolder, openDataFolder } from './data-folder.ts'
import { recordOf } from './running-process.ts'

let path: string
let lines: string[]
let opened: DataFolder[]

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'data-folder-')), 'data')
  lines = []
  opened = []
})

afterEach(() => {
  for (const folder of opened) folder.release()
  rmSync(path, { recursive: true, force: true })
})

async function open(): Promise<DataFolder> {
  const folder = await openDataFolder(path, (line) => void lines.push(line))
  opened.push(folder)
  return folder
}

async function startProgram(source = 'setInterval(() => {}, 1000)'): Promise<number> {
  const child = spawn(process.execPath, ['-e', `${source}; console.log('up')`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return child.pid as number
}

/** As a supervisor does that is killed: it leaves its records behind. */
async function leaveBehind(name: string, pid: number): Promise<void> {
  const folder = await open()
  folder.note(name, pid, 'SIGTERM')
  folder.release()
}

test('a folder that another stack uses is refused with a sentence', async () => {
  const first = await open()
  await expect(open()).rejects.toThrow(
    `Another stack (process ${process.pid}) uses ${path}: stop it or set REGISTRAR_DATA_DIR to another folder.`,
  )
  first.release()
  await open()
})

test('what a killed start left running is stopped by the next one, and said', async () => {
  const pid = await startProgram()
  await leaveBehind('postgres', pid)
  await open()
  expect(recordOf(pid)).toBeUndefined()
  expect(lines).toEqual([`stopping postgres (process ${pid}), left behind by a start that was killed`])
})

test('a process that has got the id of one of ours since is left alone', async () => {
  const pid = await startProgram()
  await leaveBehind('postgres', pid)
  writeFileSync(
    join(path, 'run', 'postgres.json'),
    JSON.stringify({ pid, started: 'earlier', stopSignal: 'SIGKILL' }),
  )
  await open()
  expect(recordOf(pid)).toBeDefined()
  process.kill(pid)
})

test('a record that is not readable is passed over', async () => {
  mkdirSync(join(path, 'run'), { recursive: true })
  writeFileSync(join(path, 'run', 'stack.json'), '{"pid":')
  writeFileSync(join(path, 'run', 'gateway.json'), '')
  await open()
  expect(readdirSync(join(path, 'run'))).toEqual(['stack.json'])
})

test('a process that has ended is forgotten', async () => {
  const folder = await open()
  const forget = folder.note('catalog', process.pid, 'SIGTERM')
  expect(existsSync(join(path, 'run', 'catalog.json'))).toBe(true)
  forget()
  expect(existsSync(join(path, 'run', 'catalog.json'))).toBe(false)
})

test.runIf(process.getuid?.() === 0)(
  'as root the folder lets the user of PostgreSQL pass, and shows nothing',
  async () => {
    mkdirSync(path, { mode: 0o700 })
    await open()
    expect(statSync(path).mode & 0o777).toBe(0o711)
  },
)

test('a folder that cannot be made is a problem in one sentence', async () => {
  writeFileSync(path, 'a file')
  await expect(open()).rejects.toThrow(
    /cannot be used \(.*\): set REGISTRAR_DATA_DIR to a folder that can be written\.$/,
  )
})
