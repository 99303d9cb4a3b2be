import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Edx, startEdx } from '../../../test/edx/edx.ts'
import { type Outcome, runRegistrar } from './testing/run-registrar.ts'
import { startSystem, type TestSystem } from './testing/start-system.ts'

let edx: Edx
let system: TestSystem

const organizations = ['stem', 'arts.school'].map((key) => ({ uuid: randomUUID(), key, name: `The ${key}` }))

beforeAll(async () => {
  edx = await startEdx()
  system = await startSystem(edx.settings)
  edx.discovery.organizations.push(...organizations)
})
afterAll(async () => {
  await system.stop()
  await edx.close()
})

const run = (...args: string[]): Promise<Outcome> => runRegistrar(args, system.env)

async function answerOf(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(...args)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return stdout
}

function addProgram(title: string, organizationKeys: string[]): string {
  const uuid = randomUUID()
  const authors = organizations.filter(({ key }) => organizationKeys.includes(key))
  const courseRuns = [{ key: 'course-v1:Stem+CS1+Fall', externalKey: 'CS-1', title: 'CS 1' }]
  edx.addProgram({ uuid, title, organizations: authors, curriculumUuid: randomUUID(), courseRuns })
  return uuid
}

test('Discovery is taken over, groups and all', async () => {
  for (let number = 1; number <= 25; number++) addProgram(`Program ${number}`, ['stem'])
  addProgram('Shared', ['stem', 'arts.school'])
  expect(await answerOf('sync-with-discovery')).toBe(
    [
      'Organizations: 2 created, 0 updated, 0 unchanged, 0 skipped.',
      'Programs: 25 created, 0 updated, 0 unchanged, 1 skipped.',
      'Groups of report readers: 27 created, 0 updated, 0 unchanged, 0 skipped.',
      'Sync with Discovery Service complete!',
      '',
    ].join('\n'),
  )
  const groups = await answerOf('list-groups')
  expect(groups).toContain('stem_program-25_ReadProgramReports')
  expect(groups).toContain('arts.school_ReadOrganizationReports')
})

test('a second time nothing is left to do', async () => {
  expect(await answerOf('sync-with-discovery')).toContain('27 unchanged, 0 skipped.\nSync with')
})

test('a name that an operator has given to another group stops nothing', async () => {
  await answerOf('create-group', 'stem_extra_ReadProgramReports', '--plain')
  addProgram('Extra', ['stem'])
  const answer = await answerOf('sync-with-discovery')
  expect(answer).toContain('Programs: 1 created')
  expect(answer).toContain(
    'No group of the program could be called stem_extra_ReadProgramReports: another group has the name.\nSync with Discovery Service complete!\n',
  )
})

test('programs are made, renamed and refused one by one', async () => {
  const uuid = addProgram('Of Two', ['stem', 'arts.school'])
  expect(await answerOf('manage-programs', uuid)).toBe(
    'Program of-two of organization arts.school was created.\n',
  )
  expect(await answerOf('manage-programs', `${uuid}:mine`)).toBe('Program of-two was renamed to mine.\n')
  const unknown = randomUUID()
  expect(await run('manage-programs', `${uuid}:other,${unknown}`)).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `Could not read program from course-discovery; aborting: ${unknown}\n`,
  })
  expect(await run('manage-programs', `${uuid}:program-1`)).toMatchObject({
    exitCode: 1,
    stderr: 'There is already a program with the key program-1\n',
  })
})

test('course runs are Discovery’s', async () => {
  const { exitCode, stderr } = await run('add-course-run', 'mine', 'course-v1:A+B+C')
  expect([exitCode, stderr]).toEqual([1, 'Discovery keeps the course runs here: add them there\n'])
})

test('an upstream that is away is told in a sentence, and nothing is changed', async () => {
  edx.discovery.faults.set({ rates: { failed: 1 }, only: '/api/v1/organizations/' })
  const { exitCode, stdout, stderr } = await run('sync-with-discovery')
  edx.discovery.faults.reset()
  expect([exitCode, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^The Discovery answered with HTTP status 500\.\n$/)
})
