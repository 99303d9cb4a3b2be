import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/**
 * A ```sh block of a guide, which a reader pastes into a shell.
 *
 * The `# 200` behind a command is the status that curl gets (`# 200 or 409`, where it depends); the ```json or ```text block that
 * follows is what the block prints at last, with `…` for what differs each time.
 */
export type Block = { title: string; commands: string; statuses: string[][]; shown?: Shown }
type Shown = { language: 'json' | 'text'; text: string }

/** What came of a block. */
export type Outcome = { isDone: boolean; output: string; statuses: string[] }

/** What stands between a heading and the next one of its level or above. */
export function sectionOf(guide: string, heading: string): string {
  const level = heading.indexOf(' ')
  const [, section] = guide.split(`\n${heading}\n`)
  if (section === undefined) throw new Error(`there is no heading ${heading}`)
  return section.split(new RegExp(`^#{1,${level}} `, 'm'), 1)[0] as string
}

/** The blocks of a guide in order, with what reads otherwise here. */
export function readBlocks(guide: string, replacements: Record<string, string> = {}): Block[] {
  const here = Object.entries(replacements).reduce((all, [from, to]) => all.replaceAll(from, to), guide)
  const pattern = /^```sh\n([\s\S]*?)^```\n(?:\n*```(json|text)\n([\s\S]*?)^```\n)?/gm
  return [...here.matchAll(pattern)].map(([, commands = '', language, shown = '']) => ({
    title: commands.split('\n').find((line) => !/^(#|$)/.test(line)) ?? 'nothing',
    commands,
    statuses: [...commands.matchAll(/# (\d{3}(?: or \d{3})*)\b/g)].map(([, codes = '']) =>
      codes.split(' or '),
    ),
    ...(language !== undefined && { shown: { language: language as Shown['language'], text: shown } }),
  }))
}

/**
 * Runs blocks one after the other in one bash, in a folder that is removed afterwards, until one fails. A line that sets a variable
 * which is `given` is left out.
 */
export async function runBlocks(
  blocks: readonly Block[],
  given: Record<string, string>,
): Promise<{ outcomes: Outcome[]; errors: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'registrar-guide-'))
  try {
    const statusFile = join(folder, '.statuses')
    const script = [
      prelude,
      ...blocks.map(({ commands }) => `${withoutGiven(commands, given)}\nend_of_block`),
    ]
    const root = new URL('../../', import.meta.url).pathname
    const { PATH, HOME } = process.env
    const bash = spawn('bash', ['-s'], {
      cwd: folder,
      env: {
        PATH,
        HOME,
        ...given,
        GUIDE_STATUSES: statusFile,
        GUIDE_ROOT: root,
        GUIDE_NODE: process.execPath,
      },
    })
    bash.stdin.on('error', () => {})
    bash.stdin.end(script.join('\n'))
    const [output, errors] = await Promise.all([text(bash.stdout), text(bash.stderr), once(bash, 'close')])
    const outputs = output.split(endOfBlock)
    const statuses = (await readFile(statusFile, 'utf8')).split(endOfBlock)
    const outcomes = blocks.map((_, index) => ({
      isDone: index < outputs.length - 1,
      output: (outputs[index] ?? '').trim(),
      statuses: statuses[index]?.match(/^\d{3}$/gm) ?? [],
    }))
    return { outcomes, errors: `${errors}\n${statuses.join('').replace(/^\d{3}\n/gm, '')}` }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const endOfBlock = '\n--- end of block ---\n'

const prelude = `set -eu
: > "$GUIDE_STATUSES"
curl() { command curl --max-time 30 --write-out '%{stderr}%{http_code}\\n' "$@" 2>> "$GUIDE_STATUSES"; }
npx() { "$GUIDE_NODE" "$GUIDE_ROOT/services/cli/src/main.ts" "\${@:2}"; }
end_of_block() { printf '${endOfBlock.replaceAll('\n', '\\n')}' | tee -a "$GUIDE_STATUSES"; }`

function withoutGiven(commands: string, given: Record<string, string>): string {
  const isGiven = (line: string) => Object.hasOwn(given, /^(\w+)=/.exec(line)?.[1] ?? '')
  return commands
    .split('\n')
    .filter((line) => !isGiven(line))
    .join('\n')
}

/** Whether curl got these statuses in this order; in a loop it may get one of them many times. */
export function areStatuses(found: readonly string[], told: Block['statuses']): boolean {
  const pattern = told.map((codes) => `(?:(?:${codes.join('|')}) )+`).join('')
  return new RegExp(`^${pattern}$`).test(found.map((code) => `${code} `).join(''))
}

/** Whether an output ends with what a guide shows. Answers in JSON end without a line break: the next begins right behind. */
export function isShown(output: string, { language, text: shown }: Shown): boolean {
  if (language === 'text') {
    return new RegExp(`${patternOf(shown.trim())}$`).test(output.replaceAll('\r', ''))
  }
  const wanted: unknown = JSON.parse(shown)
  return [...output.matchAll(/[{[]/g)].some(({ index }) => isLike(parsed(output.slice(index)), wanted))
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function isLike(value: unknown, shown: unknown): boolean {
  if (shown === '…') return true
  if (typeof shown === 'string') {
    return typeof value === 'string' && new RegExp(`^${patternOf(shown)}$`).test(value)
  }
  if (typeof shown !== 'object' || shown === null) return value === shown
  if (typeof value !== 'object' || value === null || Array.isArray(value) !== Array.isArray(shown))
    return false
  const wanted = Object.entries(shown)
  const isOpen = Array.isArray(shown) && shown.at(-1) === '…'
  if (isOpen) wanted.pop()
  const values = Object.entries(value)
  return (
    (isOpen ? values.length >= wanted.length : values.length === wanted.length) &&
    wanted.every(([key, each], index) => values[index]?.[0] === key && isLike(values[index]?.[1], each))
  )
}

function patternOf(shown: string): string {
  return shown.split('…').map(RegExp.escape).join('[\\s\\S]*')
}
