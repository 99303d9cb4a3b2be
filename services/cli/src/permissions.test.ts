import { expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { assertGoesWith, parsePermission } from './permissions.ts'
import { UsageError } from './refusal.ts'

const { READ_METADATA, READ_ENROLLMENTS, WRITE_ENROLLMENTS, READ_REPORTS, JOB_GLOBAL_READ } = Permission

test.each([
  ['read_metadata', READ_METADATA, undefined],
  ['read_enrollments', READ_ENROLLMENTS, undefined],
  ['write_enrollments', WRITE_ENROLLMENTS, undefined],
  ['read_reports', READ_REPORTS, undefined],
  ['job_global_read', JOB_GLOBAL_READ, 'everything'],
  ['core.job_global_read', JOB_GLOBAL_READ, 'everything'],
  ['organization_read_metadata', READ_METADATA, 'organization'],
  ['core.organization_read_enrollments', READ_ENROLLMENTS, 'organization'],
  ['core.organization_write_enrollments', WRITE_ENROLLMENTS, 'organization'],
  ['core.read_reports', READ_REPORTS, 'organization'],
  ['program_read_metadata', READ_METADATA, 'program'],
  ['core.program_read_enrollments', READ_ENROLLMENTS, 'program'],
  ['program_write_enrollments', WRITE_ENROLLMENTS, 'program'],
  ['core.program_read_reports', READ_REPORTS, 'program'],
])('%s is permission %i on %s', (text, permission, on) => {
  expect(parsePermission(text)).toEqual(on === undefined ? { permission } : { permission, on })
})

test.each([
  '',
  'core.',
  'core.read_metadata',
  'organization_read_reports',
  'READ_METADATA',
  'toString',
  'core.constructor',
])('%j is no permission', (text) => {
  expect(() => parsePermission(text)).toThrow(UsageError)
})

const organization = { organization: 'O' }
const program = { program: 'P' }

test.each([
  ['read_metadata', organization],
  ['read_metadata', program],
  ['read_reports', program],
  ['core.read_reports', organization],
  ['organization_read_metadata', {}],
  ['program_read_metadata', {}],
  ['program_read_metadata', program],
  ['job_global_read', {}],
])('%s goes with %o', (name, given) => {
  assertGoesWith(parsePermission(name), name, given)
})

test.each([
  [
    'organization_read_metadata',
    program,
    'organization_read_metadata is a permission on an organization: it does not go with --program.',
  ],
  [
    'core.read_reports',
    program,
    'core.read_reports is a permission on an organization: it does not go with --program.',
  ],
  [
    'core.program_read_reports',
    organization,
    'core.program_read_reports is a permission on a program: it does not go with --organization.',
  ],
  [
    'job_global_read',
    organization,
    'job_global_read is only granted on everything: leave out --organization.',
  ],
  [
    'core.job_global_read',
    program,
    'core.job_global_read is only granted on everything: leave out --program.',
  ],
])('%s does not go with %o', (name, given, message) => {
  expect(() => assertGoesWith(parsePermission(name), name, given)).toThrow(new UsageError(message))
})
