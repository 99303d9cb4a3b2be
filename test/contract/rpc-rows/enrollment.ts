import { expect } from 'vitest'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { everyUser, type Ground, holdersOf, type Row, row } from '../rpc-row.ts'

const { method: rpc } = EnrollmentService
const operator = (then = 'OK') => ({ operator: then })
const worker = (then = 'OK') => ({ 'jobs-worker': then })
const both = (then = 'OK') => ({ 'jobs-worker': then, operator: then })

const inMasters = ({ school }: Ground) => ({ programKey: school.masters.key })
const inRun = ({ school }: Ground) => ({
  programKey: school.masters.key,
  courseId: school.masters.withExternalKey.externalKey,
})
const inNoRun = ({ school }: Ground) => ({ programKey: school.masters.key, courseId: 'nowhere' })
const create = WriteMode.CREATE
const learner = (studentKey: string, more: { courseStaff?: boolean } = {}) => ({
  mode: create,
  enrollments: [{ studentKey, status: 'enrolled', ...more }],
})
const items = (student_key: string, more: object = {}) => [{ student_key, status: 'enrolled', ...more }]

const programPath = ({ school }: Ground, tail: string) => `/api/v1/programs/${school.masters.key}/${tail}`

// The requests of both have the fields that are asked with.
const reads = [
  ['list', rpc.listProgramEnrollments, 'enrollments', {}],
  [
    'stream',
    rpc.streamProgramEnrollments as unknown as typeof rpc.listProgramEnrollments,
    'enrollments',
    worker(),
  ],
] as const
const courseReads = [
  ['list', rpc.listCourseEnrollments, {}],
  ['stream', rpc.streamCourseEnrollments as unknown as typeof rpc.listCourseEnrollments, worker()],
  ['stream', rpc.streamCourseGrades as unknown as typeof rpc.listCourseEnrollments, worker()],
] as const

export const enrollmentRows: Row[] = [
  row(rpc.writeProgramEnrollments, 'a learner', {
    users: holdersOf('write_enrollments'),
    services: both(),
    ask: (ground, name) => ({ ...inMasters(ground), ...learner(name) }),
    check: ([answer]) => expect(answer?.results.map(({ status }) => status)).toEqual(['enrolled']),
    rest: (ground, name) => ({
      method: 'POST',
      path: programPath(ground, 'enrollments'),
      body: items(name),
      ok: 200,
    }),
  }),
  row(rpc.writeProgramEnrollments, 'where nobody is enrolled', {
    users: holdersOf('write_enrollments', 'OK', 'micro'),
    services: both(),
    ask: ({ school }, name) => ({ programKey: school.micro.key, ...learner(name) }),
    rest: ({ school }, name) => ({
      method: 'PATCH',
      path: `/api/v2/programs/${school.micro.key}/enrollments`,
      body: items(name),
      ok: 200,
    }),
  }),
  row(rpc.writeProgramEnrollments, 'in another school', {
    users: holdersOf('write_enrollments', 'OK', 'a program elsewhere'),
    services: both(),
    ask: ({ other }, name) => ({ programKey: other.masters.key, ...learner(name) }),
    rest: ({ other }, name) => ({
      method: 'POST',
      path: `/api/v1/programs/${other.masters.key}/enrollments`,
      body: items(name),
      ok: 200,
    }),
  }),
  row(rpc.writeProgramEnrollments, 'nowhere', {
    users: everyUser('PROGRAM_NOT_FOUND'),
    services: both('PROGRAM_NOT_FOUND'),
    ask: (_, name) => ({ programKey: name, ...learner(name) }),
    rest: (_, name) => ({
      method: 'POST',
      path: `/api/v1/programs/${name}/enrollments`,
      body: items(name),
      ok: 200,
    }),
  }),
  row(rpc.writeProgramEnrollments, 'without a mode', {
    users: holdersOf('write_enrollments', 'INVALID_ARGUMENT'),
    services: both('INVALID_ARGUMENT'),
    ask: inMasters,
  }),
  row(rpc.writeCourseEnrollments, 'a learner who is not there', {
    users: holdersOf('write_enrollments'),
    services: both(),
    ask: (ground, name) => ({
      ...inRun(ground),
      mode: create,
      enrollments: [{ studentKey: name, status: 'active' }],
    }),
    check: ([answer]) => expect(answer?.results.map(({ status }) => status)).toEqual(['not-in-program']),
    rest: (ground, student_key) => ({
      method: 'POST',
      path: programPath(ground, `courses/${inRun(ground).courseId}/enrollments`),
      body: [{ student_key, status: 'active' }],
      ok: 422,
    }),
  }),
  row(rpc.writeCourseEnrollments, 'in no run', {
    users: holdersOf('write_enrollments', 'COURSE_NOT_FOUND'),
    services: both('COURSE_NOT_FOUND'),
    ask: (ground, name) => ({ ...inNoRun(ground), ...learner(name) }),
    rest: (ground, name) => ({
      method: 'PATCH',
      path: programPath(ground, 'courses/nowhere/enrollments'),
      body: items(name),
      ok: 200,
    }),
  }),
  row(rpc.writeCourseEnrollments, 'staff of the run, without the flag', {
    // A flag that is on for anybody is on for superusers.
    users: (person) =>
      holdersOf('write_enrollments', person.superuser ? 'OK' : 'COURSE_STAFF_DISABLED')(person),
    services: both(),
    ask: (ground, name) => ({ ...inRun(ground), ...learner(name, { courseStaff: true }) }),
    rest: (ground, name) => ({
      method: 'POST',
      path: programPath(ground, `courses/${inRun(ground).courseId}/enrollments`),
      body: items(name, { course_staff: true }),
      ok: 422,
    }),
  }),
  ...reads.flatMap(([how, read, what, services]) => [
    row(read, `${how} ${what}`, { users: holdersOf('read_enrollments'), services, ask: inMasters }),
    row(read, `${how} ${what} with accounts, without the flag`, {
      users: (person) => (person.superuser ? 'OK' : 'PERMISSION_DENIED'),
      services,
      ask: (ground) => ({ ...inMasters(ground), includeAccounts: true }),
    }),
    row(read, `${how} ${what} of a program that has none`, {
      users: holdersOf('read_enrollments', 'OK', 'micro'),
      services,
      ask: ({ school }) => ({ programKey: school.micro.key }),
    }),
    row(read, `${how} ${what} of nothing, from nowhere`, {
      users: everyUser('PROGRAM_NOT_FOUND'),
      services: 'jobs-worker' in services ? worker('PROGRAM_NOT_FOUND') : {},
      ask: (_, programKey) => ({ programKey, pageToken: '?' }),
    }),
    row(read, `${how} ${what} from nowhere`, {
      users: holdersOf('read_enrollments', 'PAGE_TOKEN_INVALID'),
      services: 'jobs-worker' in services ? worker('PAGE_TOKEN_INVALID') : {},
      ask: (ground) => ({ ...inMasters(ground), pageToken: '?' }),
    }),
  ]),
  ...courseReads.flatMap(([how, read, services]) => [
    row(read, how, { users: holdersOf('read_enrollments'), services, ask: inRun }),
    row(read, `${how} of no run, from nowhere`, {
      users: holdersOf('read_enrollments', 'COURSE_NOT_FOUND'),
      services: 'jobs-worker' in services ? worker('COURSE_NOT_FOUND') : {},
      ask: (ground) => ({ ...inNoRun(ground), pageToken: '?' }),
    }),
  ]),
  row(rpc.linkAccounts, 'of nobody', { services: operator(), ask: inMasters }),
  row(rpc.recordCourseGrades, 'of nobody', { services: operator(), ask: inRun }),
  row(rpc.listAuditEvents, 'a page', { services: operator(), ask: () => ({ pageSize: 1 }) }),
  row(rpc.listAuditRows, 'of one learner', {
    services: operator(),
    ask: (_, value) => ({ of: { case: 'studentKey' as const, value } }),
  }),
  row(rpc.purgeAuditEvents, 'what is very old', {
    services: operator(),
    ask: () => ({ olderThan: { seconds: 2_592_000_000n } }),
  }),
]
