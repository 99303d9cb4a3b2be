import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { callRest, readByJob } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool, type School } from '../fixtures/school.ts'

let schools: { school: School; token: string }[]
let gateway: string

beforeAll(async () => {
  const world = await runningWorld()
  gateway = world.addresses.gateway
  schools = await Promise.all(
    [1, 2].map(async (number) => {
      const school = await createSchool(world)
      await school.enroll(school.masters, 20, `secret-of-${number}-`)
      return { school, token: await school.partner('organization_read_write_enrollments') }
    }),
  )
})

test('whatever a school asks of another school’s programs, it is refused and sees nothing of it', async () => {
  const methods = fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE')
  const tails = fc.constantFrom(
    '',
    '/courses',
    '/enrollments',
    '/course_enrollments',
    '/reports',
    '/enrollments/upload',
  )
  await fc.assert(
    fc.asyncProperty(
      methods,
      tails,
      fc.boolean(),
      fc.constantFrom('v1', 'v2'),
      async (method, tail, flip, version) => {
        const [mine, theirs] = flip ? [schools[0], schools[1]] : [schools[1], schools[0]]
        const url = `${gateway}/api/${version}/programs/${theirs?.school.masters.key}${tail}`
        const body = ['POST', 'PATCH', 'PUT'].includes(method)
          ? [{ student_key: 'intruder', status: 'enrolled' }]
          : undefined
        const answer = await callRest(url, { method, token: mine?.token ?? '', body })

        expect([403, 405]).toContain(answer.status)
        expect(answer.text).not.toContain('secret-of-')
        expect(answer.text).not.toContain(theirs?.school.masters.uuid)
      },
    ),
    { numRuns: 120 },
  )
  for (const { school, token } of schools) {
    const rows = await readByJob(`${gateway}/api/v1/programs/${school.masters.key}/enrollments`, token)
    expect(JSON.parse(rows)).toHaveLength(20)
    expect(rows).not.toContain('intruder')
  }
})

test('a list holds the caller’s own programs only', async () => {
  for (const { school, token } of schools) {
    const { body } = await callRest(`${gateway}/api/v1/programs`, { token })
    expect((body as { program_key: string }[]).map(({ program_key }) => program_key)).toEqual([
      school.masters.key,
      school.micro.key,
    ])
  }
})
