import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const { importPrograms } = CatalogService.method
const [a, b, c] = ['a', 'b', 'c'].map((letter) => `${letter.repeat(8)}-1111-4111-8111-${letter.repeat(12)}`)
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => {
  services.reset()
  services.answer(importPrograms, ({ programs }) => ({
    programs: programs.map(({ discoveryUuid, key }, index) => ({
      ...{ discoveryUuid, key: key || 'from-slug', organizationKey: 'stem' },
      previousKey: ['', 'old', key || 'from-slug'][index],
    })),
  }))
})
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> => runRegistrar(['manage-programs', ...args], services.env)

test('programs are named one by one or with commas, with a key or without', async () => {
  expect(await run(`${a},${b}:my-key`, `${c}:`)).toEqual({
    exitCode: 0,
    stdout: [
      'Program from-slug of organization stem was created.',
      'Program old was renamed to my-key.',
      'Program from-slug was there already.',
      '',
    ].join('\n'),
    stderr: '',
  })
  expect(services.calls).toEqual([
    {
      rpc: 'ImportPrograms',
      caller: 'operator',
      request: {
        programs: [{ discoveryUuid: a }, { discoveryUuid: b, key: 'my-key' }, { discoveryUuid: c }],
      },
    },
  ])
})

test('the answer is a list for programs', async () => {
  const { stdout } = await run(`${a}:k`, '--json')
  expect(JSON.parse(stdout)).toEqual([
    { discovery_uuid: a, key: 'k', previous_key: '', organization_key: 'stem' },
  ])
})

test.each([[`${a}:b:c`], ['not-a-uuid'], [`${a},,${b}`], [`${a} :k`]])(
  '%s is not understood',
  async (arg) => {
    const { exitCode, stderr } = await run(arg)
    expect(exitCode).toBe(2)
    expect(stderr).toContain('incorrectly formatted argument')
    expect(services.calls).toEqual([])
  },
)

test('without a program there is nothing to do', async () => {
  expect((await run()).exitCode).toBe(2)
})

const metadata = { discovery_uuid: b as string }

test.each([
  [
    new DomainError(Reason.PROGRAM_NOT_FOUND, 'Discovery has no such program', { metadata }),
    `Could not read program from course-discovery; aborting: ${b}`,
  ],
  [
    new DomainError(Reason.UPSTREAM_UNAVAILABLE, 'The Discovery cannot be reached.'),
    'Could not read program from course-discovery; aborting: The Discovery cannot be reached.',
  ],
  [
    new DomainError(Reason.ORGANIZATION_NOT_FOUND, 'none', { metadata }),
    `No authoring organization could be found or created: ${b}`,
  ],
  [new DomainError(Reason.WRONG_BACKEND, 'told by the catalog'), 'Told by the catalog'],
])('a refusal is told in its sentence: case %#', async (error, sentence) => {
  services.answer(importPrograms, () => {
    throw error
  })
  expect(await run(a as string)).toEqual({ exitCode: 1, stdout: '', stderr: `${sentence}\n` })
})
