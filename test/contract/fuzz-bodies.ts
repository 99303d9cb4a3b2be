import fc from 'fast-check'
import type { ApiMedia, JsonSchema } from './operations.ts'

/** Values that lead somewhere, by the name of the parameter or field. */
export type Known = Readonly<Record<string, readonly string[]>>

/** The one `times` as often as the other. */
export function mostly<T>(often: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>, times: number): fc.Arbitrary<T> {
  return fc.oneof({ weight: times, arbitrary: often }, { weight: 1, arbitrary: seldom })
}

const hostile = [
  '',
  ' ',
  '\0',
  '..',
  '../../etc/passwd',
  '%',
  '%2e%2e%2f',
  '\u{1f4a5}',
  'é',
  'e\u0301',
  '\u202e',
  "' OR 1=1 --",
  '"; drop table x; --',
  '{{7*7}}',
  '$' + '{7*7}',
  '<script>alert(1)</script>',
  '__proto__',
  'constructor',
  'null',
  'undefined',
  'NaN',
  '-1',
  '0',
  '1e309',
  '9007199254740993',
  'a\r\nX-Injected: 1',
  '*',
  '[]',
  'x'.repeat(300),
  'x'.repeat(3_000),
]
/** Texts that break things elsewhere, and some that nobody has thought of. */
export const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...hostile) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/) },
)

/** A value that a parameter or field is meant to have. */
export function good(name: string, schema: JsonSchema, known: Known): fc.Arbitrary<string> {
  const values = known[name] ?? (schema.enum as string[] | undefined)
  if (values !== undefined && values.length > 0) return fc.constantFrom(...values)
  if (schema.format === 'date') return fc.constantFrom('2026-01-01', '1970-1-1', '9999-12-31')
  return fc.stringMatching(/^[a-z0-9]{1,8}$/)
}

export type Body = { bytes: Uint8Array; type?: string }

const bytesOf = (value: string) => new Uint8Array(Buffer.from(value))

/** What no route takes for a body of its own. */
export const anyBytes: fc.Arbitrary<Body> = fc.record(
  {
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .constantFrom(
          '',
          '{',
          '[',
          '[1,',
          'null',
          '[NaN]',
          '\ufeff[]',
          '"',
          `${'['.repeat(5_000)}`,
          '{"a":1,"a":2}',
          '[{"student_key":"\\ud800","status":"x"}]',
          '[1e999]',
        )
        .map(bytesOf),
      text.map(bytesOf),
    ),
    type: fc.constantFrom(
      'application/json',
      'application/json; charset=x',
      'text/plain',
      '',
      'multipart/form-data',
      'multipart/form-data; boundary=b',
      'application/x-www-form-urlencoded',
    ),
  },
  { requiredKeys: ['bytes'] },
)

/** Bodies for an operation that takes one. */
export function bodiesOf(content: Record<string, ApiMedia>, known: Known): fc.Arbitrary<Body | undefined> {
  const json = content['application/json']
  const valid = json === undefined ? formOf(known) : jsonBody(json.schema, known)
  return fc.option(mostly(valid, anyBytes, 6), {
    nil: undefined,
    freq: 19,
  })
}

function jsonBody(schema: JsonSchema, known: Known): fc.Arbitrary<Body> {
  const value = fromSchema(schema, known)
  const mutated = fc
    .tuple(value, fc.jsonValue({ maxDepth: 3 }), fc.nat(9))
    .map(([list, junk, at]) =>
      Array.isArray(list) ? list.toSpliced(at % (list.length + 1), 1, mix(list[0], junk, at)) : junk,
    )
  const written = fc
    .oneof(
      { weight: 5, arbitrary: value },
      { weight: 2, arbitrary: mutated },
      { weight: 1, arbitrary: fc.jsonValue() },
    )
    .map((each) => JSON.stringify(each))
  const cut = fc.tuple(written, fc.nat(40)).map(([whole, at]) => whole.slice(0, -1 - at))
  return fc
    .oneof({ weight: 8, arbitrary: written }, { weight: 1, arbitrary: cut })
    .map((each) => ({ bytes: bytesOf(each), type: 'application/json' }))
}

/** A value of which one field is replaced, or missing, or too many. */
function mix(item: unknown, junk: unknown, at: number): unknown {
  if (typeof item !== 'object' || item === null) return junk
  const names = [...Object.keys(item), 'x', '__proto__']
  return Object.fromEntries(
    [...Object.entries(item), [names[at % names.length], junk]].filter(
      (_, index) => at % 3 !== 2 || index > 0,
    ),
  )
}

/** Values that a JSON schema allows, of the few kinds of schema that the document has. */
function fromSchema(schema: JsonSchema, known: Known, name = ''): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined)
    return fc.oneof(...schema.anyOf.map((each) => fromSchema(each, known, name)))
  if (Array.isArray(schema.type))
    return fc.oneof(...schema.type.map((type) => fromSchema({ ...schema, type }, known, name)))
  switch (schema.type) {
    case 'array':
      return fc.array(fromSchema(schema.items ?? {}, known), { maxLength: 27, size: 'small' })
    case 'object': {
      const fields = Object.entries(schema.properties ?? {}).map(
        ([key, each]) => [key, fromSchema(each, known, key)] as const,
      )
      return fc.record(Object.fromEntries(fields), { requiredKeys: (schema.required as never[]) ?? [] })
    }
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'integer':
      return fc.integer()
    default:
      return mostly<unknown>(good(name, schema, known), text, 9)
  }
}

/** Multipart forms with CSV files, most of which can be read. */
function formOf(known: Known): fc.Arbitrary<Body> {
  const cell = (name: string) => mostly(good(name, {}, known), text, 9)
  const row = fc.tuple(
    cell('course_id'),
    cell('student_key'),
    cell('status'),
    fc.constantFrom('', 'True', 'no', 'x'),
  )
  const csv = fc
    .tuple(
      fc.constantFrom(
        'course_id,student_key,status,course_staff',
        'x,student_key,status,y',
        'student_key,status',
        '',
        ';',
      ),
      fc.array(row, { maxLength: 6 }),
      fc.constantFrom('\n', '\r\n', '\r'),
    )
    .map(([header, rows, end]) => [header, ...rows.map((cells) => cells.map(quote).join(','))].join(end))
  const part = fc.tuple(
    fc.constantFrom('file', 'file', 'file', 'File', 'other', ''),
    mostly(csv, text, 6),
    fc.constantFrom('; filename="f.csv"', '; filename="f.csv"', '; filename=""', '; filename="\u00fc"', ''),
  )
  return fc
    .tuple(
      fc.array(part, { minLength: 1, maxLength: 2 }),
      fc.constantFrom('--b--\r\n', '--b--\r\n', '--b--\r\n', '', '--b'),
    )
    .map(([parts, end]) => ({
      bytes: bytesOf(
        parts
          .map(
            ([name, content, file]) =>
              `--b\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${content}\r\n`,
          )
          .join('') + end,
      ),
      type: 'multipart/form-data; boundary=b',
    }))
}

const quote = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
