import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Reason } from '#kit/errors.ts'
import { encodePageToken } from '#kit/page.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { everyPermission } from '../testing/access-control.ts'
import { startTestCatalog, type TestCatalog } from '../testing/catalog.ts'
import { refusalOf } from '../testing/refusal.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS, JOB_GLOBAL_READ } = Permission

let catalog: TestCatalog
let stem: string
let arts: string
const programs: Record<string, string> = {}

beforeAll(async () => {
  catalog = await startTestCatalog()
  stem = await catalog.makeOrganization('stem')
  arts = await catalog.makeOrganization('arts')
  await catalog.makeOrganization('empty')
  const made: [string, string, { title?: string; type?: string }][] = [
    ['z-first', 'stem', { title: '100% Física', type: 'Masters' }],
    ['mba', 'stem', { title: 'An MBA', type: 'MBA' }],
    ['history', 'arts', { title: 'under_score', type: 'Masters' }],
    ['Untitled-one', 'arts', {}],
  ]
  for (const [key, organization, more] of made) {
    programs[key] = await catalog.makeProgram(key, organization, more)
  }
})

afterAll(() => catalog.stop())

beforeEach(() => {
  catalog.accessControl.calls.length = 0
})

const everything = ['z-first', 'mba', 'history', 'Untitled-one']

function keysOf({ programs }: { programs: { key: string }[] }): string[] {
  return programs.map(({ key }) => key)
}

describe('what a user sees', () => {
  test('is nothing without a grant', async () => {
    const answer = await catalog.as('nobody').listPrograms({})
    expect(answer).toMatchObject({ programs: [], totalSize: 0, nextPageToken: '' })
  })

  test('is what organizations, programs and global grants give, oldest first, for one question to access-control', async () => {
    const partner = catalog.as('partner', {
      organizations: { [arts]: [READ_METADATA] },
      programs: { [programs['z-first'] as string]: [READ_METADATA, READ_REPORTS] },
    })
    const answer = await partner.listPrograms({})
    expect(keysOf(answer)).toEqual(['z-first', 'history', 'Untitled-one'])
    expect(answer.programs.map(({ permissions }) => permissions)).toEqual([
      [READ_METADATA, READ_REPORTS],
      [READ_METADATA],
      [READ_METADATA],
    ])
    expect(answer.totalSize).toBe(3)
    expect(catalog.accessControl.calls.map(({ rpc }) => rpc)).toEqual(['ListAccessibleResources'])

    const global = await catalog.as('global', { global: [READ_METADATA, JOB_GLOBAL_READ] }).listPrograms({})
    expect(keysOf(global)).toEqual(everything)
    expect(global.programs[0]?.permissions).toEqual([READ_METADATA])
  })

  test('does not include programs on which only something else is held', async () => {
    const reporter = catalog.as('reporter', { organizations: { [stem]: [READ_REPORTS] } })
    expect(keysOf(await reporter.listPrograms({}))).toEqual([])
    const answer = await reporter.listPrograms({ permission: READ_REPORTS })
    expect(answer.programs.map(({ key, title }) => [key, title])).toEqual([
      ['z-first', '100% Física'],
      ['mba', 'An MBA'],
    ])
  })

  test('are Masters programs only when it is about enrollments, superuser or not', async () => {
    for (const user of [{ superuser: true }, { global: everyPermission }]) {
      const caller = catalog.as('anybody', user)
      for (const permission of [READ_ENROLLMENTS, WRITE_ENROLLMENTS]) {
        expect(keysOf(await caller.listPrograms({ permission }))).toEqual(['z-first', 'history'])
      }
      const { programs } = await caller.listPrograms({})
      expect(programs[1]?.permissions).toEqual([READ_METADATA, READ_REPORTS])
    }
  })

  test('with an organization is that organization’s part of it', async () => {
    const partner = catalog.as('partner', {
      organizations: { [arts]: [READ_METADATA] },
      programs: { [programs.mba as string]: [READ_METADATA] },
    })
    expect(keysOf(await partner.listPrograms({ organizationKey: 'stem' }))).toEqual(['mba'])
    expect(keysOf(await partner.listPrograms({ organizationKey: 'arts' }))).toEqual([
      'history',
      'Untitled-one',
    ])
    expect(keysOf(await partner.listPrograms({ organizationKey: 'empty' }))).toEqual([])
    expect(keysOf(await catalog.as('nobody').listPrograms({ organizationKey: 'stem' }))).toEqual([])
  })
})

test.each(['nowhere', 'STEM', 'st em', 'nul\0'])('there is no organization %j', async (organizationKey) => {
  for (const caller of [catalog.as('nobody'), catalog.as('root', { superuser: true }), catalog.operator]) {
    expect((await refusalOf(caller.listPrograms({ organizationKey }))).reason).toBe(
      Reason.ORGANIZATION_NOT_FOUND,
    )
  }
})

test('a user who is inactive is refused before an organization is looked for', async () => {
  const inactive = catalog.as('former', { inactive: true, superuser: true })
  expect((await refusalOf(inactive.listPrograms({}))).reason).toBe(Reason.USER_INACTIVE)
  expect((await refusalOf(inactive.listPrograms({ organizationKey: 'nowhere' }))).reason).toBe(
    Reason.USER_INACTIVE,
  )
})

test('the operator lists all programs without permissions; the jobs worker may not list', async () => {
  const answer = await catalog.operator.listPrograms({ permission: WRITE_ENROLLMENTS })
  expect(keysOf(answer)).toEqual(everything)
  expect(answer.programs.flatMap(({ permissions }) => permissions)).toEqual([])
  expect(catalog.accessControl.calls).toEqual([])
  expect((await refusalOf(catalog.worker.listPrograms({}))).reason).toBe(Reason.PERMISSION_DENIED)
})

describe('the title filter', () => {
  test.each([
    ['MBA', ['mba']],
    ['fíSICA', ['z-first']],
    ['%', ['z-first']],
    ['_', ['history']],
    ['untitled-ONE', ['Untitled-one']],
    ['mba\0', []],
    ["' or true --", []],
    ['\\', []],
  ])('%j lets through %j', async (titleContains, keys) => {
    const answer = await catalog.as('root', { superuser: true }).listPrograms({ titleContains })
    expect([keysOf(answer), answer.totalSize]).toEqual([keys, keys.length])
  })
})

describe('pages', () => {
  test('follow one another to the end, and each tells the size of the whole', async () => {
    const root = catalog.as('root', { superuser: true })
    const first = await root.listPrograms({ pageSize: 3 })
    const second = await root.listPrograms({ pageSize: 3, pageToken: first.nextPageToken })
    expect([keysOf(first), keysOf(second)]).toEqual([everything.slice(0, 3), everything.slice(3)])
    expect([first.totalSize, second.totalSize, second.nextPageToken]).toEqual([4, 4, ''])
  })

  test('can be skipped to, also past the end', async () => {
    const root = catalog.as('root', { superuser: true })
    const page = await root.listPrograms({ pageSize: 2, skip: 1 })
    expect([keysOf(page), page.totalSize]).toEqual([['mba', 'history'], 4])
    const past = await root.listPrograms({ skip: 10, organizationKey: 'stem' })
    expect([keysOf(past), past.totalSize]).toEqual([[], 2])
  })

  test('take a token with the filters that it was made for, and no other', async () => {
    const root = catalog.as('root', { superuser: true })
    const filters = { organizationKey: 'stem', permission: READ_METADATA, titleContains: 'a' }
    const { nextPageToken: pageToken } = await root.listPrograms({ ...filters, pageSize: 1 })
    await expect(root.listPrograms({ ...filters, pageToken, pageSize: 7 })).resolves.toMatchObject({
      totalSize: 2,
    })
    for (const other of [
      { ...filters, organizationKey: 'arts' },
      { ...filters, permission: READ_REPORTS },
      { ...filters, titleContains: 'b' },
      {},
    ]) {
      expect((await refusalOf(root.listPrograms({ ...other, pageToken }))).reason).toBe(
        Reason.PAGE_TOKEN_INVALID,
      )
    }
  })

  test.each([
    'garbage',
    '!',
    encodePageToken('1'),
    encodePageToken({ after: '1' }),
    encodePageToken({ after: "1' or true --" }),
    'A'.repeat(5_000),
  ])('take no made-up token (%#)', async (pageToken) => {
    const call = catalog.as('nobody').listPrograms({ pageToken })
    expect((await refusalOf(call)).reason).toBe(Reason.PAGE_TOKEN_INVALID)
  })

  test('of negative size or after a negative skip are refused, and so is a token with a skip', async () => {
    const root = catalog.as('root', { superuser: true })
    const { nextPageToken: pageToken } = await root.listPrograms({ pageSize: 1 })
    const wrong = [{ pageSize: -1 }, { skip: -1 }, { pageToken, skip: 1 }, { permission: JOB_GLOBAL_READ }]
    const refusals = await Promise.all(wrong.map((request) => refusalOf(root.listPrograms(request))))
    expect(refusals.map(({ reason }) => reason)).toEqual(wrong.map(() => Reason.INVALID_ARGUMENT))
    expect(refusals.map(({ fields }) => fields)).toEqual([['page_size'], ['skip'], ['skip'], ['permission']])
  })
})
