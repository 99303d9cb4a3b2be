import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { create } from '@bufbuild/protobuf'
import { createLogger } from '#kit/logger.ts'
import { createTestTokens, type TestTokens } from '#kit/testing/tokens.ts'
import { createTokenVerifier } from '#kit/tokens.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import {
  type Job,
  JobFailureSchema,
  JobSchema,
  JobState,
  ProgressSchema,
} from '#proto/registrar/jobs/v1/job_pb.ts'
import { type AppOptions, buildApp } from '../app.ts'
import { createClients } from '../clients.ts'
import { leave } from '../plugins/draining.ts'
import { everything, startFakeServices, type World } from './fake-services.ts'

/** A gateway that listens, over fakes of the four services. */
export type TestGateway = {
  url: string
  world: World
  tokens: TestTokens
  /** What the gateway logged, one line each. */
  log: string[]
  /** Sends a request; `as` signs it with a token of that user. */
  send(request: TestRequest): Promise<TestAnswer>
  /** Forgets the calls, failures and other changes of the test before. */
  reset(): void
  leave(): void
  closeGateway(): Promise<void>
  /** Takes the services away. */
  closeServices(): Promise<void>
  close(): Promise<void>
}

export type TestRequest = {
  method?: string
  path: string
  as?: string
  headers?: Record<string, string>
  body?: string | Uint8Array | FormData | object
}

export type TestAnswer = { status: number; headers: Headers; text: string; json: unknown }

export const apiRoot = 'http://registrar.test/api'

export async function startTestGateway(options: Partial<AppOptions> = {}): Promise<TestGateway> {
  const tokens = await createTestTokens()
  const world = createWorld()
  const services = await startFakeServices(world, tokens.config)
  const log: string[] = []
  const destination = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk))
      done()
    },
  })
  const app = await buildApp({
    clients: createClients(services.peers),
    verifier: createTokenVerifier(tokens.config, { schemes: ['JWT'] }),
    logger: createLogger('gateway', 'info', destination),
    apiRoot,
    corsOrigins: ['https://console.test'],
    ...options,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return {
    url,
    world,
    tokens,
    log,
    send: (request) => send(url, tokens, request),
    reset: () => Object.assign(world, createWorld()),
    leave: () => leave(app),
    closeGateway: () => app.close(),
    closeServices: services.close,
    async close() {
      await app.close()
      await services.close()
    },
  }
}

async function send(url: string, tokens: TestTokens, request: TestRequest): Promise<TestAnswer> {
  const headers = new Headers(request.headers)
  if (request.as !== undefined) {
    headers.set('authorization', `JWT ${await tokens.mint({ preferred_username: request.as })}`)
  }
  let body = request.body
  if (typeof body === 'object' && !(body instanceof FormData) && !(body instanceof Uint8Array)) {
    body = JSON.stringify(body)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
  }
  const method = request.method ?? 'GET'
  const response = await fetch(url + request.path, {
    method,
    headers,
    body: body as RequestInit['body'],
    redirect: 'manual',
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parse(text) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function jobOf(
  job: { id: string; username: string; state: JobState } & Omit<Partial<Job>, '$typeName' | '$unknown'>,
): Job {
  return create(JobSchema, {
    name: 'masters-in-cs:read:list_program_enrollments',
    createTime: { seconds: 1_700_000_000n, nanos: 123_456_789 },
    ...job,
  })
}

function createWorld(): World {
  return {
    users: {
      owner: { permissions: everything },
      reader: { permissions: [Permission.READ_METADATA, Permission.READ_ENROLLMENTS] },
      writer: { permissions: [Permission.READ_METADATA, Permission.WRITE_ENROLLMENTS] },
      viewer: { permissions: [Permission.READ_METADATA] },
      stranger: { permissions: [] },
      locked: { permissions: everything, inactive: true },
      staff: { permissions: [], staff: true },
      instructor: { permissions: everything, flags: ['enable_course_role_management'] },
    },
    programs: {
      'masters-in-cs': {
        key: 'masters-in-cs',
        title: 'Master’s in CS',
        url: 'https://school.test/cs',
        type: 'Masters',
      },
      'bare_program-2': { key: 'bare_program-2', title: 'bare_program-2' },
    },
    courseRuns: [
      {
        key: 'course-v1:Org+Course+Run',
        externalKey: 'CS-101',
        title: 'Intro',
        url: 'https://school.test/101',
      },
      { key: 'Org/Course/Run' },
      { key: 'a+b+c' },
    ],
    jobs: {
      aaaa: jobOf({ id: 'aaaa', username: 'owner', state: JobState.IN_PROGRESS }),
      bbbb: jobOf({
        id: 'bbbb',
        username: 'owner',
        state: JobState.SUCCEEDED,
        resultUrl: `${apiRoot}/media/registrar/job-results/bbbb.json?expires=1&signature=s`,
        progress: create(ProgressSchema, { rowsDone: 10_000n, rowsTotal: 10_000n }),
      }),
      cccc: jobOf({
        id: 'cccc',
        username: 'owner',
        state: JobState.FAILED,
        text: 'The job took too long.',
        failure: create(JobFailureSchema, { reason: 'TIME_LIMIT', message: 'The job took too long.' }),
      }),
      dddd: jobOf({ id: 'dddd', username: 'stranger', state: JobState.PENDING }),
    },
    results: [],
    reports: [],
    object: async function* () {},
    failures: {},
    hold: undefined,
    calls: [],
    answers: {},
  }
}
