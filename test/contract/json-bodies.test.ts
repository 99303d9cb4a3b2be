import { beforeAll, describe, expect, test } from 'vitest'
import { sendRaw } from '../fixtures/raw.ts'
import { callRest } from '../fixtures/rest.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  await scene.school.enroll(scene.school.masters, 1, 'l')
})

const path = '/api/v1/programs/{masters}/enrollments'
const known = 'l000000'
const good = { student_key: known, status: 'enrolled' }
const noDict = ['expected items in request to be of type Dict']
const noKey = ['expected request dicts to have string value for "student_key"']
const noStatus = ['expected request dicts to have string value for "status"']
const noUnicode = ['expected request strings to be well-formed Unicode']

const patch = (
  name: string,
  body: unknown,
  status: number,
  json: unknown,
  rest: Partial<Case> = {},
): Case => ({
  name,
  method: 'PATCH',
  path,
  as: 'writer',
  body,
  status,
  json,
  ...rest,
})
/** A body, as it stands, of which Python’s parser would say this. */
const broken = (body: string | Uint8Array, says: string, name = String(body)) =>
  patch(`${name} does not parse`, body, 400, { detail: `JSON parse error - ${says}` })
const served = { [known]: 'enrolled' }
const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
const further = (value: string) => `[{"student_key":"${known}","status":"enrolled","x":${value}}]`

describe('JSON', () =>
  runCases(
    () => scene,
    [
      broken('{', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'),
      broken('[1,]', 'Expecting value: line 1 column 4 (char 3)'),
      broken('nonsense', 'Expecting value: line 1 column 1 (char 0)'),
      broken(' ', 'Expecting value: line 1 column 2 (char 1)', 'white space'),
      broken('[NaN]', "Out of range float values are not JSON compliant: 'NaN'"),
      broken('[-Infinity]', "Out of range float values are not JSON compliant: '-Infinity'"),
      broken('[]x', 'Extra data: line 1 column 3 (char 2)'),
      broken('[\n"a', 'Unterminated string starting at: line 2 column 1 (char 2)', 'a string without an end'),
      broken('["\\x"]', 'Invalid \\escape: line 1 column 3 (char 2)'),
      broken('["\\u12"]', 'Invalid \\uXXXX escape: line 1 column 4 (char 3)'),
      broken('["\t"]', 'Invalid control character at: line 1 column 3 (char 2)', 'a tab in a string'),
      broken("['a']", 'Expecting value: line 1 column 2 (char 1)'),
      broken('[1 2]', "Expecting ',' delimiter: line 1 column 4 (char 3)"),
      broken('[{"a" 1}]', "Expecting ':' delimiter: line 1 column 7 (char 6)"),
      broken(
        '\ufeff[]',
        'Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)',
        'a byte order mark',
      ),
      broken(
        Uint8Array.of(0x5b, 0xff, 0x5d),
        "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte",
        'no UTF-8',
      ),
      broken(
        Uint8Array.of(0x5b, 0x22, 0xc3, 0x22),
        "'utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation byte",
        'latin-1',
      ),
      broken(
        Uint8Array.from(Buffer.from('[]', 'utf16le')),
        'Expecting value: line 1 column 2 (char 1)',
        'UTF-16',
      ),
      patch(
        'with keys twice has their last values',
        `[{"student_key":"x","student_key":"${known}","status":1,"status":"enrolled"}]`,
        200,
        served,
      ),
      patch(
        'with keys twice is refused for their last values',
        `[{"student_key":"${known}","status":"enrolled","status":1}]`,
        400,
        noStatus,
      ),
      patch('10,000 levels deep', deep(10_000), 400, noDict),
      patch('500,000 levels deep', deep(500_000), 400, noDict),
      patch('10,000 levels deep in a further field', further(deep(10_000)), 400, [
        'expected request dicts to be nested no deeper than 32 levels',
      ]),
      broken(
        '['.repeat(100_000),
        'Expecting value: line 1 column 100001 (char 100000)',
        '100,000 levels without an end',
      ),
      patch(
        'with half a surrogate pair for a key',
        '[{"student_key":"\\ud800","status":"enrolled"}]',
        400,
        noUnicode,
      ),
      patch(
        'with half a surrogate pair for a status',
        `[{"student_key":"${known}","status":"\\udc00"}]`,
        400,
        noUnicode,
      ),
      patch('with half a surrogate pair somewhere else', further('{"\\udbff":1}'), 400, noUnicode),
      patch('with a whole surrogate pair', '[{"student_key":"\\ud83d\\ude00","status":"enrolled"}]', 422, {
        '\u{1f600}': 'not-in-program',
      }),
      patch('with NUL in a key', '[{"student_key":"a\\u0000b","status":"enrolled"}]', 422, {
        'a\0b': 'internal-error',
      }),
      patch('with NUL somewhere else', further('"\\u0000"'), 200, served),
      ...[
        '9007199254740993',
        '-9007199254740993',
        '18446744073709551616',
        '1e308',
        '0.1e-400',
        '-0.0',
        `${'9'.repeat(300)}`,
      ].map((number) => patch(`with the number ${number.slice(0, 24)}`, further(number), 200, served)),
      ...['1e999', '-1e999', '9'.repeat(400)].map((number) =>
        patch(`with the number ${number.slice(0, 10)}…, which no double holds`, further(number), 400, [
          'expected request numbers to be within the range of a double',
        ]),
      ),
      patch('with a number for a key', '[{"student_key":9007199254740993,"status":"enrolled"}]', 400, noKey),
      patch(
        'with names that mean something to JavaScript',
        `[{"student_key":"${known}","status":"enrolled","__proto__":{"status":"x"},"constructor":1,"toString":null}]`,
        200,
        served,
      ),
      patch(
        'in which only __proto__ has the fields',
        `[{"__proto__":{"student_key":"${known}","status":"enrolled"}}]`,
        400,
        noKey,
      ),
      patch('of a mebibyte', `["${'x'.repeat(1_048_572)}"]`, 400, noDict),
      patch('of more than a mebibyte', `["${'x'.repeat(1_048_573)}"]`, 413, {
        detail: 'Request body too large. Must be under 1048576 bytes',
      }),
      patch('of 20 MB', `["${'x'.repeat(20_000_000)}"]`, 413, {
        detail: 'Request body too large. Must be under 1048576 bytes',
      }),
      patch(
        'with keys of 100,000 characters',
        `[{"student_key":"${'k'.repeat(100_000)}","status":"${'s'.repeat(100_000)}"}]`,
        422,
        { ['k'.repeat(100_000)]: 'internal-error' },
      ),
    ],
  ))

describe('a client that stops sending JSON', () => {
  test.each([
    ['with a length', 'Content-Length: 100', '[{"student_key":"half"'],
    ['in chunks', 'Transfer-Encoding: chunked', '5\r\n[{"st\r\n'],
  ])('%s has written nothing', async (_, header, body) => {
    const { gateway } = scene.world.addresses
    const token = await scene.cast.token('writer')
    const head = `POST ${path.replace('{masters}', scene.school.masters.key)} HTTP/1.1\r\nHost: x\r\nAuthorization: JWT ${token}\r\nContent-Type: application/json\r\n${header}\r\n\r\n`
    const { status } = await sendRaw(gateway, head + body, { thenEnd: true })
    expect([Number.NaN, 400]).toContain(status)
    expect((await callRest(`${gateway}/health`)).status).toBe(200)
    const { status: after } = await ask(scene, {
      method: 'PATCH',
      path,
      as: 'writer',
      body: [{ ...good, student_key: 'half' }],
    })
    expect(after).toBe(422)
  })

  test('a body in chunks, limited as it comes', async () => {
    const { gateway } = scene.world.addresses
    const piece = 'x'.repeat(65_536)
    const chunks = `${piece.length.toString(16)}\r\n${piece}\r\n`.repeat(20)
    const token = await scene.cast.token('writer')
    const head = `POST ${path.replace('{masters}', scene.school.masters.key)} HTTP/1.1\r\nHost: x\r\nAuthorization: JWT ${token}\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    expect((await sendRaw(gateway, `${head}${chunks}0\r\n\r\n`)).status).toBe(413)
  })
})
