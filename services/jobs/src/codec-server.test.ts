import { fork } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JobKind, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { findFreePorts } from '#stack/ports.ts'
import { type JobsClient, startTestStack, type TestStack, waitForJob } from './testing/stack.ts'

const newKey = (id: string) => `${id}:${randomBytes(32).toString('base64')}`
const [firstKey, secondKey] = [newKey('2026'), newKey('2027')]
const uiOrigin = 'http://temporal.example.com'

let stack: TestStack
let client: JobsClient
let url: string
let endServer: () => Promise<void>

beforeAll(async () => {
  stack = await startTestStack({ TEMPORAL_CODEC_KEY: firstKey })
  stack.peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school', courses: {} },
  })
  stack.peers.enrollment.rows = 3
  client = stack.as('partner')
  stack.as('root', { superuser: true })
  stack.as('clerk', { staff: true })
  ;({ url, end: endServer } = await startCodecServer({ TEMPORAL_CODEC_KEY: firstKey }))
})
afterAll(async () => {
  await endServer()
  await stack.stop()
})

async function startCodecServer(env: Record<string, string>) {
  const [port] = await findFreePorts(1)
  const { tokens, peers } = stack
  const child = fork(new URL('codec-server.ts', import.meta.url), {
    execArgv: [],
    env: {
      ...{ LOG_LEVEL: 'fatal', CODEC_SERVER_PORT: String(port), TEMPORAL_UI_ORIGIN: uiOrigin },
      ...{ ACCESS_CONTROL_URL: peers.url, NODE_ENV: 'production' },
      ...{ JWT_ISSUER: tokens.config.issuer, JWT_AUDIENCE: tokens.config.audience },
      JWT_PUBLIC_SIGNING_JWK_SET: JSON.stringify(tokens.config.jwks),
      ...env,
    },
  })
  const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (message !== 'ready') throw new Error('the codec server did not start')
  const end = async () => {
    child.kill()
    await once(child, 'exit')
  }
  return { url: `http://127.0.0.1:${port}`, end }
}

type TextPayload = { metadata?: Record<string, string>; data?: string }

/** The payloads in a job's history, as Temporal's UI gets them. */
async function payloadsOf(jobId: string): Promise<TextPayload[]> {
  const temporal = await stack.temporal.client()
  const { events } = await temporal.workflow.getHandle(jobId).fetchHistory()
  const toText = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64')
  const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? []
  const about = events?.[0]?.userMetadata
  return [...input, about?.summary, about?.details].map((payload) => ({
    data: toText(payload?.data),
    metadata: Object.fromEntries(
      Object.entries(payload?.metadata ?? {}).map(([name, value]) => [name, toText(value)]),
    ),
  }))
}

async function runJob(): Promise<string> {
  const { job } = await client.createReadJob({
    kind: JobKind.LIST_PROGRAM_ENROLLMENTS,
    programKey: 'masters',
  })
  expect(await waitForJob(client, job?.id)).toMatchObject({ state: JobState.SUCCEEDED })
  const handle = (await stack.temporal.client()).workflow.getHandle(job?.id as string)
  await expect.poll(async () => (await handle.describe()).status.name).toBe('COMPLETED')
  return handle.workflowId
}

async function ask(path: string, payloads: unknown, username?: string, at = url) {
  const authorization =
    username === undefined
      ? {}
      : { authorization: `Bearer ${await stack.tokens.mint({ preferred_username: username })}` }
  const answer = await fetch(`${at}${path}`, {
    ...{ method: 'POST', body: JSON.stringify({ payloads }) },
    headers: { 'content-type': 'application/json', origin: uiOrigin, ...authorization },
  })
  return {
    status: answer.status,
    headers: answer.headers,
    body: (await answer.json()) as { payloads: TextPayload[]; detail: string },
  }
}

const dataOf = (payloads: TextPayload[]) =>
  payloads.map(({ data }) => Buffer.from(data ?? '', 'base64').toString())

test('a history is unreadable without the key, and readable for those allowed through the codec server', async () => {
  const id = await runJob()
  const temporal = await stack.temporal.client()
  const history = await temporal.workflow.getHandle(id).fetchHistory()
  const everything = JSON.stringify(history).replaceAll(/"data":"([\w+/=]+)"/g, (_, data) =>
    Buffer.from(data, 'base64').toString('latin1'),
  )
  // What a job can be searched by stays readable: it is no secret.
  const withoutSearchAttributes = everything.replaceAll(/"searchAttributes":\{.*?\}\}\}/g, '')
  expect(withoutSearchAttributes).not.toContain('programKey')
  expect(withoutSearchAttributes).not.toContain('Program enrollments')

  const sealed = await payloadsOf(id)
  for (const reader of ['root', 'clerk']) {
    const { status, body, headers } = await ask('/decode', sealed, reader)
    expect(status).toBe(200)
    const [task, summary] = dataOf(body.payloads)
    expect(JSON.parse(task as string)).toMatchObject({ jobId: id, programKey: 'masters' })
    expect(summary).toBe('"Program enrollments of masters, JSON"')
    expect(headers.get('access-control-allow-origin')).toBe(uiOrigin)
  }
})

test('what the codec server encodes it decodes', async () => {
  const plain = [{ metadata: { encoding: Buffer.from('json/plain').toString('base64') }, data: 'IngiCg==' }]
  const { body } = await ask('/encode', plain, 'root')
  expect(body.payloads[0]?.data).not.toBe(plain[0]?.data)
  expect((await ask('/decode', body.payloads, 'root')).body.payloads).toEqual(plain)
})

test('nobody else is told anything', async () => {
  const sealed = await payloadsOf(await runJob())
  expect(await ask('/decode', sealed)).toMatchObject({ status: 401 })
  expect(await ask('/decode', sealed, 'partner')).toMatchObject({
    status: 403,
    body: { detail: 'Only staff may read this.' },
  })
  stack.as('former', { superuser: true, inactive: true })
  expect(await ask('/decode', sealed, 'former')).toMatchObject({ status: 401 })
  const forged = await fetch(`${url}/decode`, { method: 'POST', headers: { authorization: 'Bearer a.b.c' } })
  expect(forged.status).toBe(401)
})

test('a page of another origin may not ask', async () => {
  const preflight = (origin: string) =>
    fetch(`${url}/decode`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
  const ours = await preflight(uiOrigin)
  expect(ours.status).toBe(204)
  expect(ours.headers.get('access-control-allow-origin')).toBe(uiOrigin)
  expect(ours.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization')
  expect((await preflight('http://evil.example.com')).headers.get('access-control-allow-origin')).not.toBe(
    'http://evil.example.com',
  )
})

test.each([
  ['no payloads', undefined],
  ['payloads of another form', [{ data: 7 }]],
  ['payloads that are not base64', [{ data: '***' }]],
])('%s are refused', async (_, payloads) => {
  expect(await ask('/decode', payloads, 'root')).toMatchObject({ status: 400 })
})

test('after a rotation jobs of before and after are readable, by workers too', async () => {
  const before = await runJob()
  const env = { TEMPORAL_CODEC_KEY: secondKey, TEMPORAL_CODEC_OLD_KEYS: firstKey }
  const old = stack.worker()
  old.kill('SIGTERM')
  await once(old, 'exit')
  await stack.startWorker(env)
  // The service still encrypts with the first key: the worker reads it.
  const between = await runJob()
  client = stack.as('partner', {}, await stack.startService(env))
  const after = await runJob()
  const rotated = await startCodecServer(env)
  for (const id of [before, between, after]) {
    const { status, body } = await ask('/decode', await payloadsOf(id), 'root', rotated.url)
    expect(status).toBe(200)
    expect(JSON.parse(dataOf(body.payloads)[0] as string)).toMatchObject({ jobId: id })
  }
  await rotated.end()
  expect(await ask('/decode', await payloadsOf(after), 'root')).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('the key "2027"') },
  })
})
