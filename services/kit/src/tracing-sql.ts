import { context, SpanKind, trace } from '@opentelemetry/api'
import { inSpan, isTracing } from './tracing.ts'

/** Runs a statement as a span that tells what it does to which table, and nothing of what is in it. */
export function traceStatement<T>(
  text: string,
  database: string | undefined,
  run: () => Promise<T>,
): Promise<T> {
  if (!isTracing() || trace.getSpan(context.active()) === undefined) return run()
  const { operation, table } = summaryOf(text)
  const name = table === undefined ? operation : `${operation} ${table}`
  const attributes = {
    'db.system.name': 'postgresql',
    'db.query.summary': name,
    'db.operation.name': operation,
    ...(table !== undefined && { 'db.collection.name': table }),
    ...(database !== undefined && { 'db.namespace': database }),
  }
  return inSpan({ name, kind: SpanKind.CLIENT, attributes }, run, stateOf)
}

// Texts in quotes, with and without escapes or in dollars, and comments: Sequelize writes values into statements.
const asides = /E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|--[^\n]*|\/\*.*?\*\//gis
const firstWord = /^[\s(?]*([a-z]+)/i
// `distinct from` and `extract(epoch from` lead to no table.
const firstTable =
  /(?<!\b(?:distinct|epoch)\s+)\b(?:from|into|update|join)\s+(?:"?[a-z_]+"?\.)?"?([a-z_]+)"?/i

/** What a statement does first, and to which table: `SELECT jobs`. A statement that is hard to read has no table. */
export function summaryOf(text: string): { operation: string; table: string | undefined } {
  const plain = text.replaceAll(asides, '?')
  const operation = firstWord.exec(plain)?.[1]?.toUpperCase() ?? 'QUERY'
  return { operation, table: plain.includes("'") ? undefined : firstTable.exec(plain)?.[1]?.toLowerCase() }
}

/** PostgreSQL's code for what went wrong. */
function stateOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^\w{1,30}$/.test(code) ? code : '_OTHER'
}
