import { beforeAll, describe, expect, test } from 'vitest'
import { sendRaw } from '../fixtures/raw.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notPermitted, runCases } from './run-cases.ts'
import { followAnswer, formOf } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const limit = 5_242_880
const path = '/api/v1/programs/{masters}/enrollments/upload'
const csv = 'student_key,status\nanna,enrolled\n'
const noFile = { detail: 'No file content uploaded' }
const tooLarge = { detail: 'Upload too large. Must be under 5242880 bytes' }
const multipart = { 'content-type': 'multipart/form-data; boundary=b' }

/** A form of these parts; one that is no file is a text field. */
function form(
  ...parts: [name: string, content: string | Uint8Array<ArrayBuffer>, isFile?: boolean][]
): FormData {
  const data = new FormData()
  for (const [name, content, isFile = true] of parts) {
    if (isFile) data.append(name, new Blob([content]), 'any.bin')
    else data.append(name, content as string)
  }
  return data
}

/** A CSV of exactly so many bytes that asks for nothing: its rows are blank lines. */
function csvOf(bytes: number): string {
  return 'student_key,status\n'.padEnd(bytes, '\n')
}

const refused = (name: string, body: unknown, status: number, rest: Partial<Case> = {}): Case => ({
  name,
  method: 'POST',
  path,
  as: 'writer',
  body,
  status,
  ...rest,
})
const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'

describe('a form that cannot be used', () =>
  runCases(
    () => scene,
    inBothVersions([
      refused('nothing sent', undefined, 400, { json: noFile }),
      refused('an empty body', '', 400, { json: noFile, headers: { 'content-type': 'text/csv' } }),
      refused('no parts', '--b--\r\n', 400, { json: noFile, headers: multipart }),
      refused('a file of another name', form(['files', csv]), 400, { json: noFile }),
      refused('a file whose name has another letter case', form(['File', csv]), 400, { json: noFile }),
      refused('the file as a text field', form(['file', csv, false]), 400, { json: noFile }),
      refused('text fields only', form(['a', 'b', false], ['c', 'd', false]), 400, { json: noFile }),
      ...[
        'application/json',
        'text/csv',
        'application/x-www-form-urlencoded',
        'multipart/mixed; boundary=b',
        '',
        'nonsense',
      ].map((type) =>
        refused(`a body of type "${type}"`, csv, 415, {
          json: { detail: `Unsupported media type "${type}" in request.` },
          headers: { 'content-type': type },
        }),
      ),
      refused('a form without a boundary', `${part}${csv}\r\n--b--\r\n`, 400, {
        headers: { 'content-type': 'multipart/form-data' },
      }),
      refused('a form with another boundary', `${part}${csv}\r\n--b--\r\n`, 400, {
        headers: { 'content-type': 'multipart/form-data; boundary=other' },
      }),
      refused('a boundary of 10,000 characters', 'x', 400, {
        headers: { 'content-type': `multipart/form-data; boundary=${'b'.repeat(10_000)}` },
      }),
      refused('a form that ends in the file', `${part}student_key,sta`, 400, { headers: multipart }),
      refused('a form that ends in the head of a part', '--b\r\nContent-Disposition: form-da', 400, {
        headers: multipart,
      }),
      refused('a part without a head', `--b\r\n\r\n${csv}\r\n--b--\r\n`, 400, { headers: multipart }),
      refused(
        'a part without a name',
        `--b\r\nContent-Disposition: form-data; filename="f"\r\n\r\n${csv}\r\n--b--\r\n`,
        400,
        {
          headers: multipart,
        },
      ),
      refused(
        'more parts than anybody needs',
        form(...Array.from({ length: 200 }, (): [string, string] => ['file', csv])),
        400,
      ),
      refused('a text field of a mebibyte', form(['note', 'x'.repeat(1_048_576), false]), 400),
      refused('a byte too much', form(['file', csvOf(limit + 1)]), 413, { json: tooLarge }),
      refused('20 MB', form(['file', csvOf(20_000_000)]), 413, { json: tooLarge }),
      refused(
        'a byte too much in the first of two files',
        form(['file', csvOf(limit + 1)], ['file', csv]),
        413,
        { json: tooLarge },
      ),
    ]),
  ))

const accepted: [name: string, body: () => unknown, headers?: Record<string, string>][] = [
  ['exactly the limit', () => form(['file', csvOf(limit)])],
  [
    'a file among other parts',
    () => form(['note', 'x', false], ['other', 'y'], ['file', csv], ['csrf', 'z', false]),
  ],
  ['two files: the last counts', () => form(['file', 'nonsense'], ['file', csv])],
  [
    'another file that is too large beside it',
    () => form(['other', new Uint8Array(limit + 1)], ['file', csv]),
  ],
  ['a form as curl sends it', () => `${part}${csv}\r\n--b--\r\n`, multipart],
  ['a form with text around it', () => `preamble\r\n${part}${csv}\r\n--b--\r\nepilogue`, multipart],
  [
    'a type in capitals',
    () => `${part}${csv}\r\n--b--\r\n`,
    { 'content-type': 'Multipart/Form-Data; boundary="b"' },
  ],
]

describe('a form that can be used', () => {
  test.each(accepted)('%s', async (_, body, headers) => {
    const {
      status,
      text,
      body: answer,
    } = await ask(scene, { method: 'POST', path, as: 'writer', body: body(), ...(headers && { headers }) })
    expect([status, text]).toEqual([202, expect.stringContaining('job_url')])
    expect((await followAnswer(scene, answer, 'writer')).job.state).toBe('Succeeded')
  })

  test.each(['v1', 'v2'])('gives a job of the version that was asked (%s)', async (version) => {
    for (const tail of ['enrollments/upload', 'course_enrollments/upload/']) {
      const file = tail.startsWith('course') ? `course_id,${csvOf(100)}` : csvOf(100)
      const { body, headers } = await ask(scene, {
        method: 'POST',
        path: `/api/${version}/programs/{masters}/${tail}`,
        as: 'writer',
        body: formOf(file),
      })
      const { job_id: id, job_url: url } = body as Record<string, string>
      expect(url).toBe(`${scene.names.gateway}/api/${version}/jobs/${id}`)
      expect(headers.get('location')).toBe(url)
      await followAnswer(scene, body, 'writer')
    }
  })
})

describe('a client that stops sending', () => {
  const head = async (rest: string) =>
    `POST ${path.replace('{masters}', scene.school.masters.key)} HTTP/1.1\r\nHost: x\r\nAuthorization: JWT ${await scene.cast.token('writer')}\r\n${rest}\r\n\r\n`
  const jobs = async () => {
    const { jobs: found } = await scene.world.operator.jobs.listJobs({ pageSize: 1_000 })
    return found.filter(({ username }) => username === scene.cast.username('writer')).length
  }

  test.each([
    ['in the middle of its form', 'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000'],
    [
      'in the middle of a chunked form',
      'Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked',
    ],
  ])('%s starts nothing and locks nothing', async (_, headers) => {
    const before = await jobs()
    const piece = `${part}${csv}`
    const body = headers.includes('chunked') ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece
    const answer = await sendRaw(scene.world.addresses.gateway, (await head(headers)) + body, {
      thenEnd: true,
    })
    expect([0, 400]).toContain(answer.status || 0)
    expect(await jobs()).toBe(before)
    const { status, body: next } = await ask(scene, { method: 'POST', path, as: 'writer', body: formOf(csv) })
    expect(status).toBe(202)
    await followAnswer(scene, next, 'writer')
  })

  test('holds up nobody else', async () => {
    const { gateway } = scene.world.addresses
    const headers = 'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000'
    const silent = new AbortController()
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(part)),
    })
    expect(headers).toContain('boundary')
    const stalled = fetch(gateway + path.replace('{masters}', scene.school.masters.key), {
      method: 'POST',
      headers: { ...multipart, authorization: `JWT ${await scene.cast.token('writer')}` },
      body,
      duplex: 'half',
      signal: silent.signal,
    } as RequestInit).catch(() => undefined)
    const { status, body: next } = await ask(scene, { method: 'POST', path, as: 'writer', body: formOf(csv) })
    expect(status).toBe(202)
    await followAnswer(scene, next, 'writer')
    silent.abort()
    await stalled
  })
})

describe('who may upload', () =>
  runCases(
    () => scene,
    inBothVersions(
      ['enrollments', 'course_enrollments'].flatMap((name) => [
        ...(
          [
            'viewer',
            'reader',
            'reporter',
            'programReader',
            'stranger',
            'staff',
            'watcher',
            undefined,
          ] as const
        ).map((as) => ({
          name: `${as ?? 'nobody'} may not, at ${name}/upload`,
          method: 'POST',
          path: path.replace('enrollments', name),
          ...(as && { as }),
          body: formOf('student_key,status\n'),
          status: as === undefined ? 401 : 403,
          ...(as && { json: notPermitted }),
        })),
        {
          name: `nobody may where the program is not Masters, at ${name}/upload`,
          method: 'POST',
          path: path.replace('{masters}', '{micro}').replace('enrollments', name),
          as: 'root' as const,
          body: formOf('student_key,status\n'),
          status: 403,
          json: notPermitted,
        },
      ]),
    ),
  ))
