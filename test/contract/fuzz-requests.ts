import fc from 'fast-check'
import { type PartName, partNames } from '../fixtures/cast.ts'
import { anyBytes, type Body, bodiesOf, good, type Known, mostly, text } from './fuzz-bodies.ts'
import type { PlainRequest } from './fuzz-client.ts'
import type { JsonSchema, Operation } from './operations.ts'

/** Who a request says that it comes from. */
export type Credentials =
  | { kind: 'nobody' }
  | { kind: 'header' | 'cookie'; as: PartName }
  | { kind: 'nonsense'; authorization: string }

export type FuzzRequest = PlainRequest & {
  operation: Operation
  /** By the names of the path’s parameters, decoded. */
  parameters: Record<string, string>
  credentials: Credentials
}

type Parameter = { name: string; schema: JsonSchema }

const otherMethods = fc.constantFrom('PUT', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'PATCH', 'QUERY')

/** Requests for an operation: valid ones, and ones with something wrong anywhere. */
export function requestsFor(operation: Operation, known: Known): fc.Arbitrary<FuzzRequest> {
  const { parameters = [], requestBody } = operation.operation
  const placed = (where: string) => parameters.filter((each) => each.in === where)
  const valuesOf = ({ name, schema }: Parameter) => mostly(good(name, schema, known), text, 6)
  const pairs = placed('query').map((each) => fc.tuple(fc.constant(each.name), valuesOf(each)))

  return fc
    .record({
      parameters: recordOf(placed('path'), valuesOf),
      query: fc.array(fc.oneof(...pairs, fc.tuple(text, text)), { maxLength: 4 }),
      given: recordOf(placed('header'), (each) => fc.option(valuesOf(each), { nil: undefined })),
      method: mostly(fc.constant(operation.method), otherMethods, 12),
      credentials,
      headers,
      slash: mostly(fc.constantFrom('', ''), fc.constantFrom('/', '/', '//'), 6),
      body:
        requestBody === undefined
          ? mostly<Body | undefined>(fc.constant(undefined), anyBytes, 9)
          : bodiesOf(requestBody.content, known),
      isRaw: fc.boolean(),
    })
    .map(({ parameters: values, query, given, slash, body, isRaw, headers: usual, ...rest }) => ({
      ...rest,
      operation,
      parameters: values,
      path: pathOf(operation.path, values, isRaw) + slash + queryOf(query),
      headers: {
        ...usual,
        ...visible(given),
        ...(body?.type !== undefined && { 'content-type': body.type }),
      },
      ...(body !== undefined && rest.method !== 'TRACE' && { body: body.bytes }),
    }))
}

function recordOf<T>(parameters: Parameter[], valuesOf: (parameter: Parameter) => fc.Arbitrary<T>) {
  return fc.record(Object.fromEntries(parameters.map((each) => [each.name, valuesOf(each)]))) as fc.Arbitrary<
    Record<string, T>
  >
}

const headers = fc.record(
  {
    accept: mostly(
      fc.constantFrom('*/*', 'application/json', 'application/xml, */*'),
      fc.constantFrom('text/csv', 'x'),
      12,
    ),
    'x-request-id': fc.constantFrom('a', 'x'.repeat(200), '{}', 'ok-1'),
  },
  { requiredKeys: [] },
)

// The owner may do most, so that not everything ends in a refusal.
const header = fc.record({
  kind: fc.constant('header' as const),
  as: mostly(fc.constantFrom<PartName>('owner', 'instructor', 'root'), fc.constantFrom(...partNames), 1),
})
const cookie = fc.record({ kind: fc.constant('cookie' as const), as: fc.constantFrom(...partNames) })
const nonsense = fc.record({
  kind: fc.constant('nonsense' as const),
  authorization: fc.constantFrom(
    'JWT',
    'JWT a.b.c',
    'Bearer x',
    'JWT e30.e30.',
    '',
    'JWT \u00ff',
    `JWT ${'x'.repeat(9_000)}`,
  ),
})
const credentials: fc.Arbitrary<Credentials> = mostly<Credentials>(
  header,
  fc.oneof(cookie, nonsense, fc.constant({ kind: 'nobody' as const })),
  6,
)

function pathOf(template: string, values: Record<string, string>, isRaw: boolean): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const encoded = encodeURIComponent((values[name] ?? '').toWellFormed())
    return isRaw ? encoded.replaceAll('%2B', '+').replaceAll('%3A', ':').replaceAll('%2F', '/') : encoded
  })
}

function queryOf(query: [string, string][]): string {
  const pairs = query.map((pair) => pair.map((each) => encodeURIComponent(each.toWellFormed())).join('='))
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** The headers that HTTP can carry. */
function visible(given: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && /^[\x20-\x7e]*$/.test(entry[1]),
    ),
  )
}
