import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf'
import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt'

/** What a command has to say: `text` for people, `json` when `--json` was given. */
export type Answer = { text: string; json: JsonValue }

/** A message as programs read it: ProtoJSON with the names of the proto file, fields with default values included. */
export function toAnswerJson<D extends DescMessage>(
  schema: D,
  message: MessageShape<D> | undefined,
): JsonValue {
  if (message === undefined) throw new Error(`${schema.name} is missing in the answer`)
  return toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true })
}

/** Rows under a header, in columns. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(toOneLine))
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Names and values, one pair a line; pairs without a value are left out. */
export function formatFields(fields: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${name.padEnd(width)}  ${toOneLine(value ?? '')}`).join('\n')
}

export function formatTime(time: Timestamp | undefined): string {
  return time === undefined ? '' : timestampDate(time).toISOString()
}

/** A text that stays on its line and cannot steer a terminal. */
export function toOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/\p{Cc}/gu, '\uFFFD')
}
