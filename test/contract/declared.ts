import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type FastifyInstance, fastify, type RouteOptions } from 'fastify'
import { Compile } from 'typebox/schema'
import { type AppOptions, buildApp } from '../../gateway/src/app.ts'
import type { Answer } from '../fixtures/rest.ts'

/** What a route of the gateway says that it answers. */
export type DeclaredRoute = {
  method: string
  /** With the names of its parameters, without their grammars. */
  url: string
  /** Of the whole path, decoded. */
  pattern: RegExp
  allow?: string
  isHidden: boolean
  responses: Readonly<Record<string, DeclaredResponse>>
}

/** A JSON schema, or one for each content type. */
export type DeclaredResponse = Record<string, unknown> & {
  type?: unknown
  content?: Record<string, { schema: Record<string, unknown> }>
}

/** The gateway as it is, over services of the test's own, and its routes as they were added. */
export async function buildDeclared(
  options: Partial<AppOptions> = {},
): Promise<{ app: FastifyInstance; routes: DeclaredRoute[] }> {
  const found: RouteOptions[] = []
  const watch = (message: unknown) =>
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route) => void found.push(route))
  subscribe('fastify.initialization', watch)
  try {
    const app = await buildApp({
      clients: { health: [] } as unknown as AppOptions['clients'],
      verifier: { verify: () => Promise.reject(new Error('nobody is served')) },
      logger: fastify({ logger: false }).log as AppOptions['logger'],
      apiRoot: 'http://registrar.test/api',
      corsOrigins: [],
      ...options,
    })
    await app.ready()
    return { app, routes: found.flatMap(describeRoute) }
  } finally {
    unsubscribe('fastify.initialization', watch)
  }
}

function describeRoute({ method, url, schema, config }: RouteOptions): DeclaredRoute[] {
  const source = url
    .split(/(:\w+\([^)]*\)|\*)/)
    .map((part) => (part === '*' ? '.*' : /^:\w+(\(.*\))$/.exec(part)?.[1]) ?? RegExp.escape(part))
    .join('')
  return [method].flat().map((each) => ({
    method: each,
    url: url.replace(/:(\w+)\([^)]*\)/g, '{$1}'),
    pattern: new RegExp(`^${source}/?$`, 's'),
    ...(config?.allow !== undefined && { allow: config.allow }),
    isHidden: (schema as { hide?: boolean } | undefined)?.hide === true,
    responses: (schema?.response ?? {}) as DeclaredRoute['responses'],
  }))
}

export function findRoute(
  routes: readonly DeclaredRoute[],
  method: string,
  path: string,
): DeclaredRoute | undefined {
  let decoded: string
  try {
    decoded = decodeURIComponent(path.split('?', 1)[0] ?? '')
  } catch {
    return undefined
  }
  return routes.find((route) => route.method === method && route.pattern.test(decoded))
}

const compiled = new WeakMap<object, ReturnType<typeof Compile>>()

/** What is wrong with a value, by a schema; undefined when nothing is. */
export function faultBySchema(schema: Record<string, unknown>, value: unknown): string | undefined {
  const validator = compiled.get(schema) ?? Compile(schema)
  compiled.set(schema, validator)
  if (validator.Check(value)) return undefined
  return JSON.stringify(validator.Errors(value)[1].slice(0, 3))
}

/** Why an answer is not one that its route declares; undefined when it is. A path without a route is answered with 404 alone. */
export function faultInAnswer(
  route: DeclaredRoute | undefined,
  method: string,
  { status, headers, text, body }: Answer,
): string | undefined {
  if (route === undefined) return status === 404 ? undefined : `${status} where there is no route`
  const declared = route.responses[status]
  if (declared === undefined) return `status ${status} is not declared`
  const type = headers.get('content-type')
  if (declared.content !== undefined || type?.startsWith('text/html')) return undefined
  if (method === 'HEAD' || declared.type === 'null') return text === '' ? undefined : 'a body where none is'
  if (type !== 'application/json') return `content type ${type}`
  return faultBySchema(declared, body)
}
