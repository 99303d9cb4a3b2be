import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { course, program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'
import { methodCases } from '../testing/method-cases.ts'
import { orderCases } from '../testing/order-cases.ts'
import { pathCases } from '../testing/path-cases.ts'
import { runCases } from '../testing/run-cases.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

describe('the order of checks', () => runCases(() => gateway, orderCases))
describe('methods', () => runCases(() => gateway, methodCases))
describe('paths', () => runCases(() => gateway, pathCases))

const jobPaths = [
  `${program}/enrollments`,
  `${course}/enrollments`,
  `${course}/grades`,
  `${program}/course_enrollments`,
]

test.each(jobPaths)('HEAD and OPTIONS of %s start no job', async (path) => {
  for (const method of ['HEAD', 'OPTIONS']) await gateway.send({ method, path, as: 'owner' })
  expect(gateway.world.calls.map(({ rpc }) => rpc)).toEqual(['GetProgram', 'GetProgram'])
})

test('a request without a fault costs one call', async () => {
  await gateway.send({ path: `${course}/enrollments`, as: 'owner' })
  await gateway.send({
    method: 'POST',
    path: `${course}/enrollments`,
    as: 'owner',
    body: [{ student_key: 'a', status: 'active' }],
  })
  expect(gateway.world.calls.map(({ rpc }) => rpc)).toEqual(['CreateReadJob', 'WriteCourseEnrollments'])
})

test('nothing is written or started when a request is refused', async () => {
  for (const { name: _, ...request } of orderCases) await gateway.send(request)
  const rpcs = new Set(gateway.world.calls.map(({ rpc }) => rpc))
  for (const rpc of ['WriteProgramEnrollments', 'WriteCourseEnrollments', 'CreateUploadJob'])
    expect(rpcs).not.toContain(rpc)
})
