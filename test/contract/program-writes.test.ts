import { beforeAll, describe, expect, test } from 'vitest'
import { readByJob } from '../fixtures/rest.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { inBothVersions, notPermitted, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  await scene.school.enroll(scene.school.masters, 6, 'known-')
})

const path = '/api/v1/programs/{masters}/enrollments'
const item = (student_key: string, status = 'enrolled') => ({ student_key, status })
const known = (number: number) => `known-00000${number}`

type Write = { status: number; text: string }

async function write(method: string, items: unknown, url = path): Promise<Write> {
  const { status, text } = await ask(scene, { method, path: url, as: 'writer', body: items })
  return { status, text }
}

async function stored(): Promise<Record<string, string>> {
  const url = `${scene.world.addresses.gateway}/api/v1/programs/${scene.school.masters.key}/enrollments`
  const rows = JSON.parse(await readByJob(url, await scene.cast.token('reader'))) as {
    student_key: string
    status: string
  }[]
  return Object.fromEntries(rows.map((row) => [row.student_key, row.status]))
}

describe('POST', () => {
  test.each(['enrolled', 'pending', 'suspended', 'canceled', 'ended'])(
    'enrolls with the status %s',
    async (status) => {
      expect(await write('POST', [item(`new-${status}`, status)])).toEqual({
        status: 200,
        text: `{"new-${status}":"${status}"}`,
      })
      expect(await stored()).toMatchObject({ [`new-${status}`]: status })
    },
  )

  test.each(['Enrolled', 'active', 'enrolled ', 'ENROLLED', 'nonsense', 'ä'])(
    'refuses the status "%s", which is judged with the learners',
    async (status) => {
      expect(await write('POST', [item('odd', status)])).toEqual({
        status: 422,
        text: '{"odd":"invalid-status"}',
      })
    },
  )

  test('is create only: who is there gives conflict and keeps the status', async () => {
    expect(await write('POST', [item(known(0), 'ended')])).toEqual({
      status: 422,
      text: `{"${known(0)}":"conflict"}`,
    })
    expect(await stored()).toMatchObject({ [known(0)]: 'enrolled' })
  })

  test('takes 25', async () => {
    const items = Array.from({ length: 25 }, (_, number) => item(`of-25-${number}`))
    expect((await write('POST', items)).status).toBe(200)
  })

  test('of nobody is 422 with an empty map', async () => {
    expect(await write('POST', [])).toEqual({ status: 422, text: '{}' })
    expect(await write('PATCH', [])).toEqual({ status: 422, text: '{}' })
  })
})

describe('PATCH', () => {
  test('changes who is there', async () => {
    expect(await write('PATCH', [item(known(1), 'suspended')])).toEqual({
      status: 200,
      text: `{"${known(1)}":"suspended"}`,
    })
    expect(await stored()).toMatchObject({ [known(1)]: 'suspended' })
  })

  test('is update only: who is not there gives not-in-program and stays away', async () => {
    expect(await write('PATCH', [item('absent')])).toEqual({
      status: 422,
      text: '{"absent":"not-in-program"}',
    })
    expect(await stored()).not.toHaveProperty('absent')
  })

  test('to the status that is there already is a success', async () => {
    expect((await write('PATCH', [item(known(2))])).status).toBe(200)
  })
})

describe('the status code sums up', () => {
  test.each<[name: string, method: string, items: unknown[], status: number]>([
    ['all good: 200', 'PATCH', [item(known(3)), item(known(4))], 200],
    ['good and refused: 207', 'PATCH', [item(known(3)), item('absent')], 207],
    ['good and duplicated: 207', 'PATCH', [item(known(3)), item('b'), item('b')], 207],
    ['all refused: 422', 'PATCH', [item('absent'), item(known(3), 'x')], 422],
    ['all duplicated: 422', 'PATCH', [item(known(3)), item(known(3))], 422],
  ])('%s', async (_, method, items, status) => {
    expect((await write(method, items)).status).toBe(status)
  })
})

describe('the result map', () => {
  test('ascends by code point, each learner once', async () => {
    const keys = ['b', '\u{1f600}', 'B', 'é', '10', '9', '\uffee', 'a b', '__proto__', 'b', '']
    const { status, text } = await write(
      'PATCH',
      keys.map((key) => item(key)),
    )
    expect(status).toBe(422)
    const order = ['', '10', '9', 'B', '__proto__', 'a b', 'b', 'é', '\uffee', '\u{1f600}']
    expect([...text.matchAll(/"((?:[^"\\]|\\.)*)":"/g)].map(([, key]) => JSON.parse(`"${key}"`))).toEqual(
      order,
    )
    expect(JSON.parse(text).b).toBe('duplicated')
  })

  test('a learner named twice is written by none of the two', async () => {
    const { text } = await write('PATCH', [item(known(5), 'ended'), item('x'), item(known(5), 'canceled')])
    expect(JSON.parse(text)).toEqual({ [known(5)]: 'duplicated', x: 'not-in-program' })
    expect(await stored()).toMatchObject({ [known(5)]: 'enrolled' })
  })

  test.each([
    'learner with spaces',
    'ümläut',
    '日本',
    '"quoted"',
    "'; drop table x; --",
    '=1+1',
    'a/b',
    '{',
    '\t'.padStart(3, 'x'),
  ])('the key %j is a learner like any other', async (key) => {
    expect(JSON.parse((await write('POST', [item(key)])).text)).toEqual({ [key]: 'enrolled' })
    expect(Object.keys(await stored())).toContain(key.trim())
  })

  test.each(['', ' ', '\u0000', 'a\u0000b', 'x'.repeat(256)])(
    'the key %j cannot be a learner, and harms no other',
    async (key) => {
      const { status, text } = await write('PATCH', [item(known(3)), item(key)])
      expect([status, JSON.parse(text)]).toEqual([207, { [known(3)]: 'enrolled', [key]: 'internal-error' }])
    },
  )

  test('a key of 255 characters is a learner', async () => {
    const key = '\u{1f600}'.repeat(255)
    expect((await write('POST', [item(key)])).status).toBe(200)
  })
})

describe('further fields', () => {
  test.each([
    { curriculum_uuid: 'x' },
    { course_staff: 'neither true nor false' },
    { course_staff: true },
    { deep: { a: [1, null, { b: 2 }] } },
  ])('%j are let through', async (fields) => {
    expect(await write('PATCH', [{ ...item(known(3)), ...fields }])).toEqual({
      status: 200,
      text: `{"${known(3)}":"enrolled"}`,
    })
  })
})

describe('who may write', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...(['writer', 'owner', 'programWriter', 'root', 'instructor', 'blindWriter'] as const).map((as) => ({
        name: `${as} may`,
        method: 'PATCH',
        path,
        as,
        body: [item(known(3))],
        status: 200,
      })),
      ...(
        [
          'viewer',
          'reader',
          'reporter',
          'programReader',
          'stranger',
          'staff',
          'watcher',
          'everywhereByGroup',
        ] as const
      ).map((as) => ({
        name: `${as} may not`,
        method: 'PATCH',
        path,
        as,
        body: [item(known(3))],
        status: 403,
        json: notPermitted,
      })),
      ...(['writer', 'owner', 'root'] as const).map((as) => ({
        name: `${as} may not where the program is not Masters`,
        method: 'POST',
        path: '/api/v1/programs/{micro}/enrollments',
        as,
        body: [item('a')],
        status: 403,
        json: notPermitted,
      })),
    ]),
  ))
