import { expect } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { PermissionName, Person } from '../rpc-callers.ts'
import { everyUser, holdersOf, type Row, row, staff, superusers } from '../rpc-row.ts'

const { method: rpc } = CatalogService
const operator = (then = 'OK') => ({ operator: then })
const both = (then = 'OK') => ({ 'jobs-worker': then, operator: then })

const permissions: [PermissionName, Permission][] = [
  ['read_metadata', Permission.READ_METADATA],
  ['read_enrollments', Permission.READ_ENROLLMENTS],
  ['write_enrollments', Permission.WRITE_ENROLLMENTS],
  ['read_reports', Permission.READ_REPORTS],
]

function heldOn(person: Person, program: 'masters' | 'micro'): Permission[] {
  return permissions.filter(([name]) => person.may(name, program)).map(([, number]) => number)
}

const notThere = { status: 404, body: { detail: 'Not found.' } }

export const catalogRows: Row[] = [
  row(rpc.getProgram, 'with what the caller may do', {
    users: everyUser(),
    services: both(),
    ask: ({ school }) => ({ key: school.masters.key }),
    check([answer], person, { school }) {
      const sees = person.may('read_metadata', 'masters') || person.service !== undefined
      expect(answer?.program).toMatchObject({
        key: school.masters.key,
        title: sees ? `masters of ${school.key}` : '',
        permissions: heldOn(person, 'masters'),
      })
    },
  }),
  row(rpc.getProgram, 'that is no Masters, with what the caller may do', {
    users: everyUser(),
    services: both(),
    ask: ({ school }) => ({ key: school.micro.key }),
    check([answer], person) {
      expect(answer?.program?.permissions).toEqual(heldOn(person, 'micro'))
    },
  }),
  ...permissions.map(([name, requiredPermission]) =>
    row(rpc.getProgram, `for who may ${name}`, {
      users: holdersOf(name),
      services: both(),
      ask: ({ school }) => ({ key: school.masters.key, requiredPermission }),
      ...(name === 'read_metadata' && {
        rest: ({ school }) => ({ path: `/api/v1/programs/${school.masters.key}`, ok: 200 }),
      }),
    }),
  ),
  ...permissions.map(([name, requiredPermission]) =>
    row(rpc.getProgram, `that is no Masters, for who may ${name}`, {
      users: holdersOf(name, 'OK', 'micro'),
      services: both(),
      ask: ({ school }) => ({ key: school.micro.key, requiredPermission }),
    }),
  ),
  row(rpc.getProgram, 'of another school', {
    users: holdersOf('read_metadata', 'OK', 'a program elsewhere'),
    services: both(),
    ask: ({ other }) => ({ key: other.masters.key, requiredPermission: Permission.READ_METADATA }),
    rest: ({ other }) => ({ path: `/api/v2/programs/${other.masters.key}`, ok: 200 }),
  }),
  row(rpc.getProgram, 'that is not there', {
    users: everyUser('PROGRAM_NOT_FOUND'),
    services: both('PROGRAM_NOT_FOUND'),
    ask: (_, key) => ({ key, requiredPermission: Permission.READ_METADATA }),
    rest: (_, key) => ({ path: `/api/v1/programs/${key}`, ok: 200 }),
  }),
  row(rpc.getProgram, 'by a permission that no program has', {
    users: everyUser('INVALID_ARGUMENT'),
    services: both('INVALID_ARGUMENT'),
    ask: ({ school }) => ({ key: school.masters.key, requiredPermission: Permission.JOB_GLOBAL_READ }),
  }),
  row(rpc.listPrograms, 'of the school', {
    users: everyUser(),
    services: operator(),
    ask: ({ school }) => ({ organizationKey: school.key }),
    check([answer], person, { school }) {
      const all = person.service !== undefined
      const seen = (['masters', 'micro'] as const).filter((each) => all || person.may('read_metadata', each))
      expect(answer?.programs.map(({ key }) => key)).toEqual(seen.map((each) => school[each].key))
    },
    rest: ({ school }) => ({ path: `/api/v1/programs?org=${school.key}`, ok: 200 }),
  }),
  row(rpc.listPrograms, 'of no school', {
    users: everyUser('ORGANIZATION_NOT_FOUND'),
    services: operator('ORGANIZATION_NOT_FOUND'),
    ask: (_, organizationKey) => ({ organizationKey }),
    rest: (_, key) => ({ path: `/api/v2/programs?org=${key}`, ok: 200 }),
  }),
  row(rpc.listCourseRuns, 'of the program', {
    users: holdersOf('read_metadata'),
    services: both(),
    ask: ({ school }) => ({ programKey: school.masters.key }),
    check: ([answer]) => expect(answer?.courseRuns).toHaveLength(2),
    rest: ({ school }) => ({ path: `/api/v1/programs/${school.masters.key}/courses`, ok: 200 }),
  }),
  row(rpc.listCourseRuns, 'of nothing', {
    users: everyUser('PROGRAM_NOT_FOUND'),
    services: both('PROGRAM_NOT_FOUND'),
    ask: (_, programKey) => ({ programKey }),
    rest: (_, key) => ({ path: `/api/v1/programs/${key}/courses`, ok: 200 }),
  }),
  row(rpc.getOrganization, 'by its key', {
    users: everyUser(),
    services: operator(),
    ask: ({ school }) => ({ key: school.key }),
  }),
  row(rpc.getOrganization, 'that is not there', {
    users: everyUser('ORGANIZATION_NOT_FOUND'),
    services: operator('ORGANIZATION_NOT_FOUND'),
    ask: (_, key) => ({ key }),
  }),
  row(rpc.createOrganization, 'a new one', {
    users: superusers(),
    services: operator(),
    ask: (_, key) => ({ key }),
  }),
  row(rpc.createOrganization, 'without a key', {
    users: superusers('INVALID_ARGUMENT'),
    services: operator('INVALID_ARGUMENT'),
  }),
  row(rpc.createProgram, 'a new one', {
    users: superusers(),
    services: operator(),
    ask: ({ other }, key) => ({ key, organizationKey: other.key }),
  }),
  row(rpc.createProgram, 'of no school', {
    users: superusers('ORGANIZATION_NOT_FOUND'),
    services: operator('ORGANIZATION_NOT_FOUND'),
    ask: (_, key) => ({ key, organizationKey: key }),
  }),
  row(rpc.addCourseRun, 'a new one', {
    users: superusers(),
    services: operator(),
    ask: ({ other }, name) => ({ programKey: other.micro.key, courseRun: { key: `course-v1:${name}+X+1` } }),
  }),
  row(rpc.addCourseRun, 'without a key', {
    users: superusers('INVALID_ARGUMENT'),
    services: operator('INVALID_ARGUMENT'),
    ask: ({ other }) => ({ programKey: other.micro.key }),
  }),
  row(rpc.flushProgramCache, 'of a program', {
    users: staff(),
    services: operator(),
    ask: ({ school }) => ({ programKey: school.masters.key }),
    // To others nothing is there.
    rest: ({ school }) => ({
      method: 'DELETE',
      path: `/api/internal/cache/${school.masters.key}`,
      ok: 204,
      told: { PERMISSION_DENIED: notThere },
    }),
  }),
  row(rpc.flushProgramCache, 'of nothing', {
    users: staff('PROGRAM_NOT_FOUND'),
    services: operator('PROGRAM_NOT_FOUND'),
    ask: (_, programKey) => ({ programKey }),
    rest: (_, key) => ({
      method: 'DELETE',
      path: `/api/internal/cache/${key}`,
      ok: 204,
      told: {
        PERMISSION_DENIED: notThere,
        PROGRAM_NOT_FOUND: { status: 404, body: { detail: 'No Program matches the given query.' } },
      },
    }),
  }),
  row(rpc.importPrograms, 'without a Discovery', {
    users: superusers('WRONG_BACKEND'),
    services: operator('WRONG_BACKEND'),
  }),
  row(rpc.syncWithDiscovery, 'without a Discovery', {
    users: superusers('WRONG_BACKEND'),
    services: operator('WRONG_BACKEND'),
  }),
  row(rpc.ensureReportGroups, 'of all', { users: superusers(), services: operator(), isSpared: true }),
]
