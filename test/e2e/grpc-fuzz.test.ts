import { readFile, rm } from 'node:fs/promises'
import { constants } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { create, type DescMethod } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { type Stack, startStack } from '#stack/stack.ts'
import { callByGrpc } from '../contract/rpc-call.ts'
import { freeEnvironment } from '../fixtures/stack.ts'
import {
  type Fate,
  frame,
  http2Frame,
  nestGroups,
  nestMessages,
  openSession,
  preface,
  send,
  sendBytes,
} from './grpc-attacks.ts'

const seed = Number(process.env.FUZZ_SEED ?? 7)
// Ten messages at once, each of which may be read up to 16 MiB, and held once more where it is unpacked.
const mostMegabytesMore = 400
const parts = ['access-control', 'enrollment'] as const
type Part = (typeof parts)[number]

let stack: Stack
let token: string
let pids: (number | undefined)[]
const before = new Map<Part, number>()

beforeAll(async () => {
  stack = await startStack({
    env: await freeEnvironment({ LOG_LEVEL: 'error' }),
    only: ['postgres', 'migrations', ...parts],
    log: () => {},
  })
  token = await stack.mintToken('somebody')
  await callHonestly()
  pids = parts.map((part) => stack.pid(part))
  for (const part of parts) before.set(part, await megabytesOf(part, 'VmRSS'))
})
afterAll(async () => {
  await stack.stop()
  await rm(stack.settings.dataDir, { recursive: true, force: true })
})

const urlOf = (part: Part) => (part === 'enrollment' ? stack.urls.enrollment : stack.urls.accessControl)

/** As somebody does who has nothing to do with all this, on a connection of their own. */
async function callHonestly(): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  for (const [part, method, code] of [
    ['access-control', AccessControlService.method.getCaller, 'OK'],
    ['enrollment', EnrollmentService.method.linkAccounts, 'PERMISSION_DENIED'],
  ] as const) {
    const caller = callByGrpc(urlOf(part))
    expect(await caller.call(method, create(method.input), headers)).toMatchObject({ code })
    caller.close()
  }
}

async function megabytesOf(part: Part, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${stack.pid(part)}/status`, 'utf8').catch(() => '')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024
}

afterEach(async () => {
  await callHonestly()
  expect(parts.map((part) => stack.pid(part))).toEqual(pids)
  // Where the system tells it: the most that each has ever held.
  for (const part of parts) {
    const rise = (await megabytesOf(part, 'VmHWM')) - (before.get(part) ?? 0)
    expect(rise, `${part} grew by ${rise} MB`).toBeLessThan(mostMegabytesMore)
  }
})

// 501 is Connect’s word for a compression that is not known, for example.
const isAnswer = (fate: Fate) => fate === 'broken' || (fate >= 200 && fate < 500) || fate === 501
const methods: [Part, DescMethod][] = [
  ...AccessControlService.methods.map((method): [Part, DescMethod] => ['access-control', method]),
  ...EnrollmentService.methods.map((method): [Part, DescMethod] => ['enrollment', method]),
]
const pathOf = ({ parent, name }: DescMethod) => `/${parent.typeName}/${name}`
const write = pathOf(EnrollmentService.method.writeProgramEnrollments)
const grpc = { 'content-type': 'application/grpc' }

describe('no process falls over, or keeps what it was sent,', () => {
  test('whatever bytes come as a message to whatever method', async () => {
    const sessions = new Map(parts.map((part) => [part, openSession(urlOf(part))]))
    const types = [
      'application/grpc',
      'application/grpc+proto',
      'application/grpc+json',
      'application/grpc-web',
      'application/grpc-web-text',
      'application/proto',
      'application/json',
      'application/connect+proto',
      'application/connect+json',
      'text/plain',
    ]
    const request = fc.record({
      at: fc.constantFrom(...methods),
      type: fc.constantFrom(...types),
      bytes: fc.uint8Array({ maxLength: 200 }),
      flags: fc.constantFrom(0, 0, 0, 1, 2, 128, 255),
      lie: fc.constantFrom(0, 0, 0, -1, 1, 1_000, 2 ** 31),
      isBare: fc.boolean(),
      isKnown: fc.boolean(),
      isAnnounced: fc.boolean(),
      encoding: fc.constantFrom(undefined, undefined, 'gzip', 'identity', 'br', 'x'),
      timeout: fc.constantFrom(undefined, '5000', '5000', '1S', '100m', '0n', '99999999H', '-1S', 'x'),
    })
    const requests = fc.sample(request, { numRuns: 1_200, seed })
    const fates = await Promise.all(
      requests.map(({ at: [part, method], type, bytes, flags, lie, encoding, timeout, ...is }) => {
        const body = is.isBare ? bytes : frame(bytes, { flags, length: Math.max(0, bytes.length + lie) })
        return send(
          sessions.get(part) as never,
          {
            ':path': pathOf(method),
            'content-type': type,
            ...(is.isKnown && { authorization: `Bearer ${token}` }),
            ...(is.isAnnounced && { 'content-length': String(body.length) }),
            ...(encoding && { 'grpc-encoding': encoding, 'content-encoding': encoding }),
            ...(timeout && { 'grpc-timeout': timeout, 'connect-timeout-ms': timeout }),
          },
          [body],
        )
      }),
    )
    for (const session of sessions.values()) session.destroy()
    expect(fates.filter((fate) => !isAnswer(fate))).toEqual([])
    expect(fates.filter((fate) => fate === 'broken').length).toBeLessThan(fates.length / 10)
  })

  test('whatever bytes come instead of HTTP/2, or behind its first words', async () => {
    const bytes = fc.record({
      first: fc.constantFrom(
        Buffer.alloc(0),
        preface,
        Buffer.concat([preface, http2Frame(4, 0, 0, Buffer.alloc(0))]),
      ),
      frames: fc.array(
        fc.record({
          type: fc.nat(12),
          flags: fc.nat(255),
          stream: fc.constantFrom(0, 1, 2, 3, 2 ** 31 - 1),
          payload: fc.uint8Array({ maxLength: 300 }),
        }),
        { maxLength: 12 },
      ),
      last: fc.uint8Array({ maxLength: 60 }),
    })
    const all = fc.sample(bytes, { numRuns: 150, seed })
    await Promise.all(
      all.map(({ first, frames, last }) => {
        const http2 = frames.map(({ type, flags, stream, payload }) =>
          http2Frame(type, flags, stream, payload),
        )
        return sendBytes(stack.urls.accessControl, Buffer.concat([first, ...http2, last]), 1_000)
      }),
    )
  })

  test('a message of 100 MB, announced or not', async () => {
    const piece = Buffer.alloc(1_000_000)
    function* pieces(first: Uint8Array) {
      yield first
      for (let sent = 0; sent < 100; sent++) yield piece
    }
    const fates: Fate[] = []
    for (const type of [
      'application/grpc',
      'application/proto',
      'application/json',
      'application/connect+proto',
    ]) {
      for (const announced of [{}, { 'content-length': '100000005' }]) {
        const session = openSession(stack.urls.enrollment)
        const head = frame(Buffer.alloc(0), { length: 100_000_000 })
        fates.push(await send(session, { ':path': write, 'content-type': type, ...announced }, pieces(head)))
        session.destroy()
      }
    }
    expect(fates.filter((fate) => !isAnswer(fate))).toEqual([])
  })

  test('a little that unpacks to much', async () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000))
    const session = openSession(stack.urls.enrollment)
    const fates = await Promise.all([
      ...Array.from({ length: 8 }, () =>
        send(session, { ':path': write, ...grpc, 'grpc-encoding': 'gzip' }, [frame(bomb, { flags: 1 })]),
      ),
      ...['application/json', 'application/proto'].map((type) =>
        send(session, { ':path': write, 'content-type': type, 'content-encoding': 'gzip' }, [bomb]),
      ),
    ])
    session.destroy()
    expect(fates.filter((fate) => !isAnswer(fate))).toEqual([])
  })

  test('messages that lie in each other a thousand or a hundred thousand times', async () => {
    const session = openSession(stack.urls.enrollment)
    // EnrollmentWrite.additional_fields > Struct.fields > value > list_value > values …
    const struct = [2, 1, 4, 3].reduce<Buffer>(
      (inner, field) => nestAround(field, inner),
      nestMessages([6, 1], 4_000),
    )
    const json = `{"enrollments":[{"additionalFields":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}]}`
    const fates = await Promise.all([
      send(session, { ':path': write, ...grpc }, [frame(nestGroups(1_000))]),
      send(session, { ':path': write, ...grpc }, [frame(nestGroups(100_000))]),
      send(session, { ':path': write, ...grpc }, [frame(struct)]),
      send(session, { ':path': write, 'content-type': 'application/proto' }, [struct]),
      send(
        session,
        {
          ':path': write,
          'content-type': 'application/proto',
          'content-length': struct.length,
          'connect-timeout-ms': 5_000,
        },
        [struct],
      ),
      send(session, { ':path': write, 'content-type': 'application/json' }, [Buffer.from(json)]),
    ])
    session.destroy()
    expect(fates.filter((fate) => !isAnswer(fate))).toEqual([])
  })

  test('more headers, and longer ones, than anybody needs', async () => {
    const url = stack.urls.accessControl
    const path = pathOf(AccessControlService.method.getCaller)
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`x-${index}`, 'y']))
    for (const headers of [
      many,
      { authorization: `Bearer ${'a'.repeat(500_000)}` },
      { 'x-request-id': 'z'.repeat(60_000) },
    ]) {
      const session = openSession(url)
      await send(session, { ':path': path, ...grpc, ...headers }, [frame(Buffer.alloc(0))])
      session.destroy()
    }
    // HEADERS without an end, and CONTINUATION after CONTINUATION.
    const endless = Array.from({ length: 2_000 }, () => http2Frame(9, 0, 1, Buffer.alloc(1_000, 0x61)))
    const settings = http2Frame(4, 0, 0, Buffer.alloc(0))
    const flood = [preface, settings, http2Frame(1, 0, 1, Buffer.from([0x82])), ...endless]
    await sendBytes(url, Buffer.concat(flood), 2_000)
    for (const [type, payload] of [
      [6, Buffer.alloc(8)],
      [4, Buffer.alloc(6)],
    ] as const) {
      const frames = Array.from({ length: 20_000 }, () => http2Frame(type, 0, 0, payload))
      await sendBytes(url, Buffer.concat([preface, settings, ...frames]), 2_000)
    }
  })

  test('calls that are begun and broken off, or never go on', async () => {
    const session = openSession(stack.urls.accessControl)
    const path = pathOf(AccessControlService.method.listGroups)
    for (let each = 0; each < 5_000; each++) {
      const stream = session.request({ ':method': 'POST', ':path': path, ...grpc })
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
      if (each % 500 === 0) await new Promise(setImmediate)
    }
    session.destroy()
    const idle = openSession(stack.urls.accessControl)
    for (let each = 0; each < 900; each++) {
      const stream = idle.request({ ':method': 'POST', ':path': path, ...grpc })
      stream.on('error', () => {})
      stream.write(frame(Buffer.alloc(3), { length: 1_000 }))
    }
    await callHonestly()
    idle.destroy()
  })
})

function nestAround(field: number, inner: Buffer): Buffer {
  const length = Buffer.from([
    (inner.length & 0x7f) | 0x80,
    ((inner.length >> 7) & 0x7f) | 0x80,
    inner.length >> 14,
  ])
  return Buffer.concat([Buffer.from([(field << 3) | 2]), length, inner])
}
