import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { type FakeServices, startFakeServices } from '../testing/fake-services.ts'
import { type Outcome, runRegistrar } from '../testing/run-registrar.ts'

const { createProgram, addCourseRun } = CatalogService.method
let services: FakeServices

beforeAll(async () => {
  services = await startFakeServices()
})
beforeEach(() => services.reset())
afterAll(() => services.stop())

const run = (...args: string[]): Promise<Outcome> => runRegistrar(args, services.env)
const lastRequest = () => services.calls.at(-1)?.request

describe('create-program', () => {
  beforeEach(() => {
    services.answer(createProgram, ({ key, title, organizationKey }) => ({
      program: { id: 'p1', key, title: title || key, organizationKey },
    }))
  })

  test('makes a program of an organization', async () => {
    expect(await run('create-program', 'P', '--organization', 'O')).toEqual({
      exitCode: 0,
      stdout: 'Program P of organization O was created.\n',
      stderr: '',
    })
    expect(lastRequest()).toEqual({ key: 'P', organizationKey: 'O' })
  })

  test('passes on all that is told of it', async () => {
    const uuid = '5f7b0f0c-5e4c-4f5e-9f0e-0f5a9d2f7c11'
    const { stdout } = await run(
      ...['create-program', 'P', '--organization', 'O', '--uuid', uuid, '--title', 'Some Title'],
      ...['--type', 'Masters', '--url', 'https://example.org/p', '--json'],
    )

    expect(lastRequest()).toEqual({
      key: 'P',
      organizationKey: 'O',
      discoveryUuid: uuid,
      title: 'Some Title',
      type: 'Masters',
      url: 'https://example.org/p',
    })
    expect(JSON.parse(stdout)).toMatchObject({
      id: 'p1',
      key: 'P',
      title: 'Some Title',
      organization_key: 'O',
    })
  })

  test.each([
    [Reason.ORGANIZATION_NOT_FOUND, 'There is no organization with the key O.\n'],
    [Reason.ALREADY_EXISTS, 'There is already a program with the key P.\n'],
    [Reason.INVALID_ARGUMENT, 'Told by the catalog\n'],
  ])('tells refusal %i with the keys that were given', async (reason, stderr) => {
    services.answer(createProgram, () => {
      throw new DomainError(reason, 'told by the catalog')
    })

    expect(await run('create-program', 'P', '--organization', 'O')).toEqual({
      exitCode: 1,
      stdout: '',
      stderr,
    })
  })

  test('refuses to make one without an organization', async () => {
    expect((await run('create-program', 'P')).exitCode).toBe(2)
    expect(services.calls).toEqual([])
  })
})

describe('add-course-run', () => {
  const key = 'course-v1:Org+Course+Run'

  test('adds a run with all that is told of it', async () => {
    services.answer(addCourseRun, ({ courseRun }) => ({ courseRun }))
    const more = ['--external-key', 'CS-101', '--title', 'Some Title']

    expect(await run('add-course-run', 'P', key, ...more)).toEqual({
      exitCode: 0,
      stdout: `Course run ${key} was added to program P.\n`,
      stderr: '',
    })
    const courseRun = { key, externalKey: 'CS-101', title: 'Some Title' }
    expect(lastRequest()).toEqual({ programKey: 'P', courseRun })
  })

  test('leaves absent what is not told', async () => {
    services.answer(addCourseRun, ({ courseRun }) => ({ courseRun }))
    const { stdout } = await run('add-course-run', 'P', key, '--json')

    expect(lastRequest()).toEqual({ programKey: 'P', courseRun: { key } })
    expect(JSON.parse(stdout)).toEqual({ key })
  })

  test.each([
    [Reason.PROGRAM_NOT_FOUND, 'There is no program with the key P.\n'],
    [Reason.ALREADY_EXISTS, 'Told by the catalog\n'],
    [Reason.WRONG_BACKEND, 'Told by the catalog\n'],
  ])('tells refusal %i', async (reason, stderr) => {
    services.answer(addCourseRun, () => {
      throw new DomainError(reason, 'told by the catalog')
    })

    expect(await run('add-course-run', 'P', key)).toEqual({ exitCode: 1, stdout: '', stderr })
  })
})
