import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DiscoveryProgram } from './discovery-program.ts'
import { planOrganizations, planPrograms } from './sync-plan.ts'

const organization = (uuid: string, key: string, name = '') => ({
  id: `id-${uuid}`,
  key,
  name,
  discoveryUuid: uuid,
})
const told = (uuid: string | null, key: string | null, name: string | null = '') => ({ uuid, key, name })

describe('organizations', () => {
  test('are made when they are missing, follow changes, and are left alone otherwise', () => {
    const known = [organization('a', 'A', 'same'), organization('b', 'B', 'old'), organization('c', 'C')]
    const plan = planOrganizations(known, [
      told('a', 'A', 'same'),
      told('b', 'B2', 'new'),
      told('d', 'd.dotted', null),
    ])
    expect(plan).toEqual({
      create: [{ key: 'd.dotted', name: '', discoveryUuid: 'd' }],
      update: [{ id: 'id-b', key: 'B2', name: 'new' }],
      tally: { created: 1, updated: 1, unchanged: 1, skipped: 0, problems: [] },
    })
  })

  test('may change keys with each other', () => {
    const known = [organization('a', 'A'), organization('b', 'B')]
    const { update, tally } = planOrganizations(known, [told('a', 'B'), told('b', 'A')])
    expect(update.map(({ id, key }) => [id, key])).toEqual([
      ['id-a', 'B'],
      ['id-b', 'A'],
    ])
    expect(tally.problems).toEqual([])
  })

  test('do not get a key that is taken, and the rest goes on', () => {
    const known = [organization('local', 'A'), organization('b', 'B', 'old'), organization('c', 'C')]
    const plan = planOrganizations(known, [
      told('a', 'A'),
      told('b', 'C', 'new'),
      told('c', 'A'),
      told('d', 'D'),
    ])
    expect(plan).toEqual({
      create: [{ key: 'D', name: '', discoveryUuid: 'd' }],
      update: [{ id: 'id-b', key: 'B', name: 'new' }],
      tally: {
        created: 1,
        updated: 1,
        unchanged: 1,
        skipped: 1,
        problems: [
          "Organization a cannot have the key A, which is another organization's: it was not made.",
          "Organization b cannot have the key C, which is another organization's: it is still B.",
          "Organization c cannot have the key A, which is another organization's: it is still C.",
        ],
      },
    })
  })

  test('without a usable key are left out and told', () => {
    const { create, tally } = planOrganizations(
      [],
      [told('a', 'with space'), told('b', null), told(null, 'B')],
    )
    expect(create).toEqual([])
    expect(tally).toMatchObject({ skipped: 3, unchanged: 0 })
    expect(tally.problems[0]).toBe('Organization a has a key that cannot be used here: "with space".')
  })

  test('never end up with the same key, whoever wants which, and a second time nothing changes', () => {
    const letter = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const keys = fc.uniqueArray(fc.tuple(letter, letter), { selector: ([, key]) => key })
    const wishes = fc.array(fc.tuple(letter, letter))
    fc.assert(
      fc.property(keys, wishes, (knownKeys, told) => {
        const known = knownKeys.map(([uuid, key], index) => ({
          ...organization(uuid, key),
          id: String(index),
        }))
        const wanted = told.map(([uuid, key]) => ({ uuid, key, name: '' }))
        const { create, update } = planOrganizations(known, wanted)
        const after = [
          ...known.map((one) => ({ ...one, ...update.find(({ id }) => id === one.id) })),
          ...create.map((one, index) => ({ ...one, id: `new ${index}` })),
        ]
        expect(new Set(after.map(({ key }) => key)).size).toBe(after.length)
        const again = planOrganizations(after, wanted)
        expect(again.update.length + again.create.length).toBeLessThanOrEqual(update.length + create.length)
      }),
    )
  })
})

describe('programs', () => {
  const program = (uuid: string | null, marketingSlug: string | null, authors: string[] = ['org']) =>
    ({
      uuid,
      marketingSlug,
      authoringOrganizations: authors.map((author) => ({ uuid: author, key: author })),
    }) as DiscoveryProgram
  const organizationIds = new Map([['org', 'id of org']])

  test('are made of the last part of their slug, for the first authoring organization', () => {
    const { create, tally } = planPrograms(
      [],
      [program('a', 'masters/org/Computer Science')],
      organizationIds,
    )
    expect(create).toEqual([{ key: 'computer-science', discoveryUuid: 'a', organizationId: 'id of org' }])
    expect(tally).toEqual({ created: 1, updated: 0, unchanged: 0, skipped: 0, problems: [] })
  })

  test('that are there stay as they are, also under another key', () => {
    const { create, tally } = planPrograms(
      [{ key: 'mine', discoveryUuid: 'a' }],
      [program('a', 'x')],
      organizationIds,
    )
    expect(create).toEqual([])
    expect(tally).toMatchObject({ unchanged: 1, problems: [] })
  })

  test('with several authoring organizations or none that is known are left out', () => {
    const list = [program('a', 'x', ['org', 'other']), program('b', 'y', []), program('c', 'z', ['unknown'])]
    expect(planPrograms([], list, organizationIds).tally).toMatchObject({ skipped: 3, problems: [] })
  })

  test('whose key is taken or nothing are left out and told, and the rest goes on', () => {
    const list = [
      program('a', 'x/taken'),
      program('b', 'same'),
      program('c', 'same'),
      program('d', null),
      program('e', 'e'),
    ]
    const { create, tally } = planPrograms([{ key: 'taken', discoveryUuid: 'z' }], list, organizationIds)
    expect(create.map(({ key }) => key)).toEqual(['same', 'e'])
    expect(tally).toMatchObject({ created: 2, skipped: 3 })
    expect(tally.problems).toEqual([
      "Program a cannot have the key taken, which is another program's: it was not made.",
      "Program c cannot have the key same, which is another program's: it was not made.",
      'Program d has no marketing slug to make a key of: it was not made.',
    ])
  })
})
