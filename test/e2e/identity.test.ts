import { Code, ConnectError } from '@connectrpc/connect'
import { beforeAll, describe, expect, test } from 'vitest'
import { createRpcClient } from '#kit/rpc-client.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { callRest } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'

let world: World
let school: School

beforeAll(async () => {
  world = await runningWorld()
  school = await createSchool(world)
})

const now = Math.floor(Date.now() / 1000)
const badTokens: [string, () => Promise<string>][] = [
  ['an expired token', () => world.token('someone', { exp: now - 60 })],
  ['a token of another issuer', () => world.token('someone', { iss: 'somebody-else' })],
  ['a token for another audience', () => world.token('someone', { aud: 'another-service' })],
  ['a token without an expiry', () => world.token('someone', { exp: undefined })],
  ['a token from the future', () => world.token('someone', { iat: now + 600 })],
  ['a token whose signature was changed', async () => `${(await world.token('someone')).slice(0, -6)}AAAAAA`],
  [
    'an unsigned token',
    async () => `${btoa('{"alg":"none"}')}.${(await world.token('someone')).split('.')[1]}.`,
  ],
  ['text that is no token', async () => 'nonsense'],
]

describe('every process turns away', () => {
  test.each(badTokens)('%s', async (_, make) => {
    const token = await make()
    const { addresses } = world
    const options = { headers: { authorization: `Bearer ${token}` } }
    const calls = [
      createRpcClient(AccessControlService, addresses.accessControl).getCaller({}, options),
      createRpcClient(CatalogService, addresses.catalog).listPrograms({}, options),
      createRpcClient(EnrollmentService, addresses.enrollment).listProgramEnrollments(
        { programKey: school.masters.key },
        options,
      ),
      createRpcClient(JobsService, addresses.jobs).listJobs({}, options),
    ]
    const codes = (await Promise.allSettled(calls)).map((call) =>
      call.status === 'rejected' ? ConnectError.from(call.reason).code : 'answered',
    )
    const rest = await callRest(`${addresses.gateway}/api/v1/programs`, { token })

    expect(codes).toEqual(Array(4).fill(Code.Unauthenticated))
    expect(rest).toMatchObject({ status: 401, body: { detail: 'Invalid token.' } })
  })
})

test('a user is made on the first call and has no rights', async () => {
  const token = await world.token(`first-${school.key}`, { email: 'first@example.org' })
  const { gateway } = world.addresses

  expect(await callRest(`${gateway}/api/v1/programs`, { token })).toMatchObject({ status: 200, body: [] })
  expect((await callRest(`${gateway}/api/v1/programs/${school.masters.key}`, { token })).status).toBe(403)
  const { user } = await world.operator.accessControl.getUser({ username: `first-${school.key}` })
  expect(user).toMatchObject({ email: 'first@example.org', active: true, staff: false, superuser: false })
})

test('a user who was locked out is turned away everywhere', async () => {
  const token = await school.partner('organization_read_write_enrollments')
  const programs = `${world.addresses.gateway}/api/v1/programs`
  const username = JSON.parse(
    Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
  ).preferred_username
  expect((await callRest(`${programs}/${school.masters.key}`, { token })).status).toBe(200)

  await world.operator.accessControl.updateUser({ username, active: false })

  for (const path of [
    '',
    `/${school.masters.key}`,
    `/${school.masters.key}/enrollments`,
    '/no-such-program',
  ]) {
    expect((await callRest(`${programs}${path}`, { token })).status).toBe(401)
  }
  expect((await callRest(`${world.addresses.gateway}/api/v1/jobs`, { token })).status).toBe(401)
})

test('a restricted token is refused', async () => {
  const token = await world.token('restricted', { is_restricted: true })
  expect((await callRest(`${world.addresses.gateway}/api/v1/programs`, { token })).status).toBe(403)
})

test('a service token opens nothing at the gateway, and no RPC that is not meant for it', async () => {
  const asOperator = createRpcClient(AccessControlService, world.addresses.accessControl)
  await expect(asOperator.getCaller({})).rejects.toMatchObject({ code: Code.Unauthenticated })
  await expect(world.operator.accessControl.getCaller({})).rejects.toMatchObject({
    code: Code.PermissionDenied,
  })
})
