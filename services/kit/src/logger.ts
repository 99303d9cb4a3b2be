import { type DestinationStream, type LogFn, type Logger, pino, stdSerializers } from 'pino'

export type { Logger }

// Nothing of this is logged on purpose; the list is for the day that somebody logs a whole request.
const secrets = [
  'authorization',
  'token',
  'password',
  'secret',
  'cookie',
  'headers',
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
  if (!quotesValues(error)) return safe
  return { ...safe, message: withoutQuotes(safe.message), stack: withoutQuotes(safe.stack) }
}

// Errors of the database, and of JSON that cannot be read.
function quotesValues(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false
  const isOne = 'severity' in error || error.name.startsWith('Sequelize') || error instanceof SyntaxError
  return isOne || quotesValues(error.cause, depth + 1)
}

// pg: invalid input syntax for type uuid: "what somebody sent". V8: Unexpected token 'w', ..."what somebody sent" is not valid JSON.
function withoutQuotes(text: unknown): unknown {
  if (typeof text !== 'string') return text
  return text.replaceAll(/(?<=: )"[^\n]*"|".*"(?=(?:\.\.\.)? is not valid JSON)/gs, '"…"')
}
