import { type DestinationStream, type LogFn, type Logger, pino, stdSerializers } from 'pino'

export type { Logger }

// Nothing of this is logged on purpose; the list is for the day that somebody logs a whole request.
const secrets = [
  'authorization',
  'token',
  'password',
  'secret',
  'cookie',
  'email',
  'student_key',
  'studentKey',
]
const paths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * A logger that writes JSON lines to standard output.
 *
 * Learners' data never goes into a log line; tokens, secrets and e-mails are blotted out should one get there.
 */
export function createLogger(name: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { name, pid: process.pid },
    redact: { paths, censor: '[redacted]' },
    serializers: { err: serializeError },
    hooks: { logMethod: withoutErrorAsMessage },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

// Left alone, pino makes the text of an error the message of a line that has none, unseen by the serializer.
function withoutErrorAsMessage(this: Logger, args: unknown[], method: LogFn): void {
  const [first, message, ...rest] = args
  const fields = first instanceof Error ? { err: first } : first
  const isSilent = message === undefined && typeof fields === 'object' && fields !== null && 'err' in fields
  method.apply(this, [fields, isSilent ? 'error' : message, ...rest] as Parameters<LogFn>)
}

const kept = ['type', 'message', 'stack', 'code', 'reason', 'status', 'syscall', 'constraint', 'table']

// Errors carry more than their text. Those of Sequelize and pg hold the statement, its values and the row that broke a
// rule, so only what is known to be safe is kept; and their texts quote values.
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error }
  const plain = stdSerializers.err(error) as unknown as Record<string, unknown>
  const safe = Object.fromEntries(kept.filter((key) => key in plain).map((key) => [key, plain[key]]))
  if (!isOfDatabase(error)) return safe
  return { ...safe, message: withoutQuotes(safe.message), stack: withoutQuotes(safe.stack) }
}

function isOfDatabase(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false
  return 'severity' in error || error.name.startsWith('Sequelize') || isOfDatabase(error.cause, depth + 1)
}

// pg: invalid input syntax for type uuid: "what somebody sent".
function withoutQuotes(text: unknown): unknown {
  return typeof text === 'string' ? text.replaceAll(/: "[^\n]*"/g, ': "…"') : text
}
