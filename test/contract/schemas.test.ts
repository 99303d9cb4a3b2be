import { ConnectError } from '@connectrpc/connect'
import { beforeAll, describe, expect, test } from 'vitest'
import { DomainError, type KnownReason, Reason } from '#kit/errors.ts'
import { toConnectError } from '#kit/rpc-errors.ts'
import type { AppOptions } from '../../gateway/src/app.ts'
import { rowOf } from '../../gateway/src/http-errors.ts'
import type { Answer } from '../fixtures/rest.ts'
import { buildDeclared, type DeclaredRoute, faultInAnswer } from './declared.ts'

/** What every call to a service fails with, and what the token says. */
let failure: Error
let routes: DeclaredRoute[]
let inject: (method: string, url: string, body?: string) => Promise<Answer>

beforeAll(async () => {
  const { app, routes: found } = await buildDeclared({
    clients: failingClients(),
    verifier: { verify: fail },
  })
  routes = found
  inject = async (method, url, body) => {
    const headers = { ...(body !== undefined && { 'content-type': 'application/json' }) }
    const answer = await app.inject({
      method: method as 'GET',
      url,
      headers,
      ...(body !== undefined && { body }),
    })
    const json = answer.headers['content-type'] === 'application/json' && answer.body !== ''
    return {
      status: answer.statusCode,
      headers: new Headers(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
      text: answer.body,
      body: json ? JSON.parse(answer.body) : answer.body,
    }
  }
})

let isTokenGood = true

async function fail(): ReturnType<AppOptions['verifier']['verify']> {
  if (!isTokenGood) throw failure
  return { kind: 'user', username: 'somebody', restricted: false, token: 'x' }
}

/** Services of which every RPC, unary or streaming, fails with `failure`, as it would come over the wire. */
function failingClients(): AppOptions['clients'] {
  const failing = new Proxy(
    {},
    {
      get: () => () => {
        const error = failure instanceof DomainError ? toConnectError(failure) : failure
        const rejected = Promise.reject(error)
        // A stream is read without being waited for.
        rejected.catch(() => {})
        return Object.assign(rejected, {
          [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
        })
      },
    },
  )
  return {
    accessControl: failing,
    catalog: failing,
    enrollment: failing,
    jobs: failing,
    health: [failing],
  } as unknown as AppOptions['clients']
}

/** A path of the route, with something that its grammar lets through for each parameter. */
function pathOf({ url }: DeclaredRoute): string {
  return url
    .replace('{program_key}', 'p')
    .replace('{course_id}', 'a+b+c')
    .replace('{job_id}', 'ffff')
    .replace('media/*', 'media/registrar/x?expires=1&signature=x')
}

const isDocumentation = ({ url }: DeclaredRoute) => url.startsWith('/api-docs')
const isOpen = ({ url }: DeclaredRoute) => !/^\/api\/(v\d|internal)/.test(url)

describe('every route', () => {
  test('declares what it answers, each with a schema', () => {
    const faults = routes
      .filter((route) => !isDocumentation(route))
      .flatMap((route) => {
        const statuses = Object.keys(route.responses)
        const name = `${route.method} ${route.url}`
        if (statuses.length === 0) return [`${name} declares nothing`]
        return statuses.flatMap((status) => {
          const { type, anyOf, content } = route.responses[status] as Record<string, unknown>
          return /^[2-5]\d\d$/.test(status) && (type ?? anyOf ?? content) !== undefined
            ? []
            : [`${name} ${status} has no schema`]
        })
      })
    expect(routes.length).toBeGreaterThan(100)
    expect(faults).toEqual([])
  })

  test('that wants a caller declares that it may have none, and what is wrong with the world', () => {
    const faults = routes
      .filter((route) => !isOpen(route))
      .flatMap((route) =>
        [401, 403, 404, 406, 408, 429, 500, 502, 503, 504]
          .filter((status) => route.responses[status] === undefined)
          .map((status) => `${route.method} ${route.url} ${status}`),
      )
    expect(faults).toEqual([])
  })

  test('has beside it a route for every other method, which declares 405', () => {
    const urls = new Set(routes.filter((route) => !isOpen(route)).map(({ url }) => url))
    for (const url of urls) {
      const methods = routes.filter((route) => route.url === url)
      for (const method of [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'TRACE',
        'PROPFIND',
        'QUERY',
      ]) {
        const route = methods.find((each) => each.method === method)
        const isAllowed = route?.allow?.split(', ').includes(method)
        expect([url, method, isAllowed || route?.responses[405] !== undefined]).toEqual([url, method, true])
      }
    }
  })
})

const ofCallers = /\/api\/(v\d|internal)\//
const ofWrites = /^(POST|PATCH) .*\}\/(courses\/[^/]+\/)?enrollments$/
const ofUploads = /^POST .*\/upload$/
const ofNobody = /^$/

// Where a service can say what it cannot say everywhere.
const onlyAt: Partial<Record<Reason, RegExp>> = {
  [Reason.INVALID_ARGUMENT]: ofCallers,
  [Reason.TOO_LARGE]: ofUploads,
  [Reason.CSV_INVALID]: ofUploads,
  [Reason.WRITE_IN_PROGRESS]: ofUploads,
  [Reason.NO_ACTIVE_CURRICULUM]: new RegExp(`${ofWrites.source}|${ofUploads.source}`),
  [Reason.JOB_ENDED]: /^POST .*\/cancel$/,
  [Reason.RATE_LIMITED]: ofCallers,
  [Reason.IDEMPOTENCY_KEY_REUSED]: new RegExp(`${ofWrites.source}|${ofUploads.source}`),
  [Reason.IDEMPOTENCY_KEY_IN_USE]: ofNobody,
  [Reason.PAGE_TOKEN_INVALID]: ofNobody,
  [Reason.ALREADY_EXISTS]: ofNobody,
  [Reason.RESULT_NOT_READY]: ofNobody,
  [Reason.WRONG_BACKEND]: ofNobody,
}
const everywhere: Reason[] = [
  Reason.OBJECT_NOT_FOUND,
  Reason.UNAVAILABLE,
  Reason.DEADLINE_EXCEEDED,
  Reason.INTERNAL,
]
const ofTokens: string[] = [
  'CREDENTIALS_MISSING',
  'TOKEN_INVALID',
  'TOKEN_USERNAME_MISSING',
  'USER_INACTIVE',
  'UNAVAILABLE',
]
const reasons = Object.entries(Reason).filter(
  (entry): entry is [string, KnownReason] =>
    typeof entry[1] === 'number' && entry[1] in rowOf && entry[1] !== Reason.UNSPECIFIED,
)

describe('whatever a service says, a route answers what it declares', () => {
  const answerable = () =>
    routes.filter((route) => !isDocumentation(route) && !['TRACE', 'CONNECT'].includes(route.method))

  async function faultsOf(error: Error, wanted: (name: string) => boolean = () => true): Promise<string[]> {
    failure = error
    const faults: string[] = []
    for (const route of answerable()) {
      const name = `${route.method} ${route.url}`
      if (!wanted(name)) continue
      const body = ['POST', 'PATCH'].includes(route.method) ? '[{"student_key":"a","status":"b"}]' : undefined
      const answer = await inject(route.method, pathOf(route), body)
      const fault = faultInAnswer(route, route.method, answer)
      if (fault !== undefined) faults.push(`${name}: ${fault}`)
    }
    return faults
  }

  test.each(reasons)('%s', async (_, reason) => {
    const only = onlyAt[reason] ?? (everywhere.includes(reason) ? undefined : ofCallers)
    const error = new DomainError(reason, 'as the service says it')
    expect(await faultsOf(error, (name) => only === undefined || only.test(name))).toEqual([])
  })

  test.each(reasons.filter(([name]) => ofTokens.includes(name)))('of the token: %s', async (_, reason) => {
    isTokenGood = false
    expect(
      await faultsOf(new DomainError(reason, 'as the verifier says it'), (name) => ofCallers.test(name)),
    ).toEqual([])
    isTokenGood = true
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])(
    'code %i without a reason',
    async (code) => {
      expect(await faultsOf(new ConnectError('a code alone', code))).toEqual([])
    },
  )

  test('an error of our own making', async () => {
    expect(await faultsOf(new TypeError('undefined is not a function'))).toEqual([])
  })
})
