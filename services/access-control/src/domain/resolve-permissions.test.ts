import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { permissions, type Resource, resourcePermissions } from './permissions.ts'
import {
  gatherHoldings,
  type Holding,
  listAccessibleResources,
  listGlobalPermissions,
  resolvePermissions,
} from './resolve-permissions.ts'
import { roles } from './roles.ts'

const stem: Resource = { kind: 'organization', id: 'stem' }
const arts: Resource = { kind: 'organization', id: 'arts' }
const physics: Resource = { kind: 'program', id: 'physics' }
const biology: Resource = { kind: 'program', id: 'biology' }
const dance: Resource = { kind: 'program', id: 'dance' }
const organizationOf = { physics: 'stem', biology: 'stem', dance: 'arts' }
type ProgramId = keyof typeof organizationOf
const programIds = Object.keys(organizationOf) as ProgramId[]

function permissionsOn(programId: ProgramId, holdings: readonly Holding[], superuser = false) {
  const question = { programId, organizationId: organizationOf[programId] }
  const [answer] = resolvePermissions(gatherHoldings({ superuser, holdings }), [question])
  return answer?.permissions ?? []
}

function globalPermissions(holdings: readonly Holding[], superuser = false) {
  return listGlobalPermissions(gatherHoldings({ superuser, holdings }))
}

describe('permission on a program comes from', () => {
  test('a grant on the program', () => {
    const holdings = [{ permission: 'write_enrollments', resource: physics }]
    expect(permissionsOn('physics', holdings)).toEqual(['write_enrollments'])
    expect(permissionsOn('biology', holdings)).toEqual([])
  })

  test('a grant on its organization, for each of its programs', () => {
    const holdings = [{ permission: 'read_reports', resource: stem }]
    expect(permissionsOn('physics', holdings)).toEqual(['read_reports'])
    expect(permissionsOn('biology', holdings)).toEqual(['read_reports'])
    expect(permissionsOn('dance', holdings)).toEqual([])
  })

  test('a global grant, everywhere', () => {
    for (const program of programIds) {
      expect(permissionsOn(program, [{ permission: 'read_enrollments' }])).toEqual(['read_enrollments'])
    }
  })

  test('being a superuser: all four, everywhere', () => {
    expect(permissionsOn('dance', [], true)).toEqual([...resourcePermissions])
    expect(globalPermissions([], true)).toEqual([...permissions])
  })

  test('all of these together, each told once and in one order', () => {
    const holdings = [
      { permission: 'read_reports', resource: physics },
      { permission: 'write_enrollments' },
      { role: 'organization_read_enrollments', resource: stem },
      { permission: 'read_enrollments', resource: physics },
    ]
    expect(permissionsOn('physics', holdings)).toEqual([...resourcePermissions])
    expect(permissionsOn('biology', holdings)).toEqual([
      'read_metadata',
      'read_enrollments',
      'write_enrollments',
    ])
    expect(permissionsOn('dance', holdings)).toEqual(['write_enrollments'])
  })
})

test('seeing every job is no permission on a program', () => {
  expect(permissionsOn('physics', [{ permission: 'job_global_read' }])).toEqual([])
  expect(globalPermissions([{ permission: 'job_global_read' }])).toEqual(['job_global_read'])
})

test('a grant does not imply another', () => {
  expect(permissionsOn('physics', [{ permission: 'write_enrollments', resource: physics }])).not.toContain(
    'read_metadata',
  )
})

test('an organization and a program of one id are two things', () => {
  const holdings = [{ permission: 'read_metadata', resource: { ...stem, id: 'physics' } }]
  expect(permissionsOn('physics', holdings)).toEqual([])
})

test('accessible resources are told once each by id, without what is global or gives nothing', () => {
  const holdings = [
    { role: 'organization_read_reports', resource: stem },
    { permission: 'write_enrollments', resource: physics },
    { permission: 'read_metadata', resource: physics },
    { role: 'organization_read_metadata', resource: dance },
    { permission: 'read_enrollments' },
  ]
  expect(listAccessibleResources(gatherHoldings({ superuser: false, holdings }))).toEqual([
    { resource: physics, permissions: ['read_metadata', 'write_enrollments'] },
    { resource: stem, permissions: ['read_metadata', 'read_reports'] },
  ])
})

describe('whatever is held', () => {
  const resource = fc.constantFrom(stem, arts, physics, biology, dance)
  const role = fc.record({ role: fc.constantFrom(...roles), resource })
  const grant = fc.record({ permission: fc.constantFrom(...resourcePermissions), resource })
  const globalGrant = fc.record({ permission: fc.constantFrom(...permissions) })
  const holding: fc.Arbitrary<Holding> = fc.oneof(role, grant, globalGrant)
  const many = fc.array(holding, { maxLength: 12 })
  const program = fc.constantFrom(...programIds)
  const runs = { numRuns: 1_000 }

  const isAbout = (each: Holding, id: ProgramId) =>
    each.resource === undefined || each.resource.id === id || each.resource.id === organizationOf[id]

  test('no grant widens to another organization or to other programs of its own', () => {
    fc.assert(
      fc.property(many, program, (holdings, id) => {
        const about = holdings.filter((each) => isAbout(each, id))
        expect(permissionsOn(id, holdings)).toEqual(permissionsOn(id, about))
      }),
      runs,
    )
  })

  test('nothing on a resource is global', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(role, grant)), (holdings) => {
        expect(globalPermissions(holdings)).toEqual([])
      }),
      runs,
    )
  })

  test('having more takes nothing away', () => {
    fc.assert(
      fc.property(many, holding, program, (holdings, more, id) => {
        expect(permissionsOn(id, [...holdings, more])).toEqual(
          expect.arrayContaining(permissionsOn(id, holdings)),
        )
        expect(globalPermissions([...holdings, more])).toEqual(
          expect.arrayContaining(globalPermissions(holdings)),
        )
      }),
      runs,
    )
  })

  test('the bigger role gives all that the smaller gives', () => {
    const ladder = ['read_metadata', 'read_enrollments', 'read_write_enrollments']
    fc.assert(
      fc.property(many, resource, program, fc.integer({ min: 1, max: 2 }), (holdings, where, id, rung) => {
        const withRole = (step: number) =>
          permissionsOn(id, [...holdings, { role: `${where.kind}_${ladder[step]}`, resource: where }])
        expect(withRole(rung)).toEqual(expect.arrayContaining(withRole(rung - 1)))
      }),
      runs,
    )
  })

  test('removing a group removes exactly what only it gave', () => {
    const group = fc
      .tuple(role, fc.array(fc.oneof(grant, globalGrant), { maxLength: 3 }))
      .map((all) => all.flat())
    fc.assert(
      fc.property(fc.array(group, { minLength: 1, maxLength: 5 }), many, program, (groups, own, id) => {
        const [removed = [], ...rest] = groups
        const left = [...own, ...rest.flat()]
        const before = new Set(permissionsOn(id, [...left, ...removed]))
        const after = new Set(permissionsOn(id, left))
        expect(new Set([...after, ...permissionsOn(id, removed)])).toEqual(before)
        // What is left is the union of what each of the rest gives alone.
        const alone = [own, ...rest].flatMap((each) => permissionsOn(id, each))
        expect(after).toEqual(new Set(alone))
      }),
      runs,
    )
  })

  test('a superuser may do all', () => {
    fc.assert(
      fc.property(many, program, (holdings, id) => {
        expect(permissionsOn(id, holdings, true)).toEqual([...resourcePermissions])
        expect(globalPermissions(holdings, true)).toEqual([...permissions])
      }),
      runs,
    )
  })

  test('the order in which it is read does not matter, nor reading it twice', () => {
    fc.assert(
      fc.property(many, program, (holdings, id) => {
        const shuffled = [...holdings.toReversed(), ...holdings]
        expect(permissionsOn(id, shuffled)).toEqual(permissionsOn(id, holdings))
      }),
      runs,
    )
  })

  test('the list of accessible resources and the answer about a program agree', () => {
    fc.assert(
      fc.property(many, program, (holdings, id) => {
        const held = gatherHoldings({ superuser: false, holdings })
        const listed = listAccessibleResources(held)
          .filter((entry) => entry.resource.id === id || entry.resource.id === organizationOf[id])
          .flatMap((entry) => entry.permissions)
        const everywhere = listGlobalPermissions(held).filter((each) => each !== 'job_global_read')
        expect(new Set(permissionsOn(id, holdings))).toEqual(new Set([...listed, ...everywhere]))
      }),
      runs,
    )
  })
})
