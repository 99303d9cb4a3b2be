import { type Cast, createCast, type PartName } from '../fixtures/cast.ts'
import { type Answer, callRest } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'
import { buildDeclared, type DeclaredRoute, faultInAnswer, findRoute } from './declared.ts'

/**
 * A school of the test file's own in the running system, with its people. Texts of requests and of what is expected name its
 * parts in braces: `{org}`, `{masters}` (`{MASTERS}` in capitals), `{micro}`, and of `masters` the run with an external key (`{run}`, `{external}`) and the
 * one without (`{plain}`); `{gateway}` is where the system is reached.
 */
export type Scene = {
  world: World
  school: School
  cast: Cast
  names: Readonly<Record<string, string>>
  routes: readonly DeclaredRoute[]
}

export type Ask = {
  method?: string
  /** From the root, with its query. */
  path: string
  /** Who asks; nobody when absent. */
  as?: PartName
  headers?: Record<string, string>
  /** As in `callRest`. */
  body?: unknown
}

export async function openScene(): Promise<Scene> {
  const world = await runningWorld()
  const school = await createSchool(world)
  const { masters, micro } = school
  return {
    world,
    school,
    cast: createCast(world, school),
    names: {
      org: school.key,
      masters: masters.key,
      MASTERS: masters.key.toUpperCase(),
      micro: micro.key,
      run: masters.withExternalKey.key,
      external: masters.withExternalKey.externalKey,
      plain: masters.withoutExternalKey.key,
      gateway: world.addresses.gateway,
    },
    routes: (await buildDeclared()).routes,
  }
}

/** The same value with the names in its texts filled in. */
export function fill<T>(names: Scene['names'], value: T): T {
  if (typeof value === 'string') {
    return value.replaceAll(/\{(\w+)\}/g, (text, name: string) => names[name] ?? text) as T
  }
  if (Array.isArray(value)) return value.map((each) => fill(names, each)) as T
  if (value === null || typeof value !== 'object') return value
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [fill(names, key), fill(names, each)]),
  ) as T
}

/**
 * Asks the gateway. Every answer is held against what its route declares and against the headers that all answers carry: one that
 * is not declared is thrown.
 */
export async function ask(scene: Scene, request: Ask): Promise<Answer> {
  const { method = 'GET', path, headers, body } = fill(scene.names, request)
  const token = request.as === undefined ? undefined : await scene.cast.token(request.as)
  const answer = await callRest(scene.world.addresses.gateway + path, {
    method,
    body,
    ...(headers && { headers }),
    ...(token !== undefined && { token }),
  })
  checkAnswer(scene.routes, { method, path }, answer)
  return answer
}

/** Throws when an answer is not declared, or lacks what every answer has. */
export function checkAnswer(
  routes: readonly DeclaredRoute[],
  { method, path }: { method: string; path: string },
  answer: Answer,
): void {
  const route = findRoute(routes, method, path)
  const fault = faultInAnswer(route, method, answer) ?? faultInHeaders(route, answer)
  if (fault === undefined) return
  throw new Error(`${method} ${path} answered ${answer.status} ${answer.text.slice(0, 500)}: ${fault}`)
}

function faultInHeaders(route: DeclaredRoute | undefined, { status, headers }: Answer): string | undefined {
  const wanted: Record<string, string | RegExp | null> = {
    vary: 'Accept, Accept-Language, origin',
    'x-frame-options': 'DENY',
    'content-language': 'en',
    'x-request-id': /^[\w.-]{1,128}$/,
    'www-authenticate': status === 401 ? 'JWT realm="api"' : null,
    ...(route?.allow !== undefined && { allow: route.allow }),
    ...([202, 429, 502, 503, 504].includes(status) && { 'retry-after': /^[1-9]\d*$/ }),
    ...(status === 204 && { 'content-type': null }),
    ...Object.fromEntries(['deprecation', 'sunset', 'link'].map((name) => [name, null])),
  }
  for (const [name, value] of Object.entries(wanted)) {
    const given = headers.get(name)
    const isRight = value instanceof RegExp ? given !== null && value.test(given) : given === value
    if (!isRight) return `${name} is ${given}`
  }
  return undefined
}
