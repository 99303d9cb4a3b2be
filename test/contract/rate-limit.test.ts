import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFreePorts } from '#stack/ports.ts'
import { type Ask, ask, openScene, type Scene } from './ask.ts'

let scene: Scene
let gateway: ChildProcess

/** One more gateway before the running services, with a limit. */
beforeAll(async () => {
  const shared = await openScene()
  const { addresses } = shared.world
  const [port] = await findFreePorts(1)
  gateway = fork(new URL('../../gateway/src/main.ts', import.meta.url), {
    execArgv: [],
    env: {
      LOG_LEVEL: 'warn',
      REGISTRAR_DATA_DIR: addresses.dataDir,
      ACCESS_CONTROL_URL: addresses.accessControl,
      CATALOG_URL: addresses.catalog,
      ENROLLMENT_URL: addresses.enrollment,
      JOBS_URL: addresses.jobs,
      GATEWAY_PORT: String(port),
      RATE_LIMIT: '4',
    },
  })
  const [said] = await Promise.race([once(gateway, 'message'), once(gateway, 'exit')])
  if (said !== 'ready') throw new Error(`the gateway ended before it was ready (${said})`)
  const limited = { ...shared.world, addresses: { ...addresses, gateway: `http://127.0.0.1:${port}` } }
  scene = { ...shared, world: limited }
})
afterAll(async () => {
  gateway.kill()
  await once(gateway, 'exit')
})

const program = '/api/v1/programs/{masters}'
const enrollments = `${program}/enrollments`

/** The status, and the headers that tell of the limit. */
async function send(request: Ask) {
  const { status, text, headers } = await ask(scene, request)
  const [policy, limit, wait] = ['ratelimit-policy', 'ratelimit', 'retry-after'].map((name) =>
    headers.get(name),
  )
  const [, left, reset] = /^"default";r=(\d+);t=(\d+)$/.exec(limit ?? '') ?? []
  return { status, text, policy, left: Number(left), reset: Number(reset), wait }
}

describe('with a limit of four requests a minute', () => {
  test('every answer tells what is left, and from the fifth on it is 429, to the string', async () => {
    const requests: [Ask, number][] = [
      [{ path: program, as: 'writer' }, 200],
      [{ path: '/api/v3/programs', as: 'writer' }, 200],
      [{ path: '/api/v2/programs/nowhere', as: 'writer' }, 404],
      [{ method: 'POST', path: enrollments, as: 'writer', body: [] }, 422],
    ]
    for (const [at, [request, status]] of requests.entries()) {
      const answer = await send(request)
      expect(answer).toMatchObject({ status, policy: '"default";q=4;w=60', left: 3 - at })
      expect(answer.reset).toBeGreaterThan(0)
      expect(answer.reset).toBeLessThanOrEqual(60)
    }
    for (const [request] of requests) {
      const { status, text, policy, left, reset, wait } = await send(request)
      expect([status, policy, left, wait]).toEqual([429, '"default";q=4;w=60', 0, String(reset)])
      expect(text).toMatch(
        new RegExp(`^{"detail":"Request was throttled\\. Expected available in ${wait} seconds?\\."}$`),
      )
    }
  })

  test('each caller has a limit of their own', async () => {
    for (const as of ['viewer', 'reader'] as const) {
      expect(await send({ path: program, as })).toMatchObject({ status: 200, left: 3 })
    }
  })

  test('those whom no token names share one, by their address, and take nothing from the others', async () => {
    const statuses = []
    for (let n = 0; n < 6; n++) {
      const authorization = n % 2 === 0 ? '' : `JWT nonsense-${n}`
      statuses.push((await send({ path: program, headers: { authorization } })).status)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 429, 429])
    expect(await send({ path: program, as: 'programViewer' })).toMatchObject({ status: 200, left: 3 })
  })

  test('a 429 starts no job and writes nothing', async () => {
    const as = 'owner'
    for (let n = 0; n < 4; n++) await send({ path: program, as })
    expect((await send({ path: enrollments, as })).status).toBe(429)
    const body = [{ student_key: 'never', status: 'enrolled' }]
    expect((await send({ method: 'POST', path: enrollments, as, body })).status).toBe(429)
    const programKey = scene.school.masters.key
    const { jobs } = await scene.world.operator.jobs.listJobs({ programKey })
    expect(jobs.filter(({ username }) => username === scene.cast.username(as))).toEqual([])
    const patch = { method: 'PATCH', path: enrollments, as: 'programWriter' as const, body }
    expect((await send(patch)).text).toBe('{"never":"not-in-program"}')
  })

  test.each(['/health', '/', '/nowhere'])('%s is not limited', async (path) => {
    for (let n = 0; n < 6; n++) {
      const { status, policy } = await send({ path })
      expect([status === 429, policy]).toEqual([false, null])
    }
  })
})

test('without a limit nothing is told of one', async () => {
  const shared = await openScene()
  for (let n = 0; n < 6; n++) {
    const { status, headers } = await ask(shared, { path: program, as: 'viewer' })
    expect([status, headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([200, null, null])
  }
})
