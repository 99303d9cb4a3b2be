import { expect } from 'vitest'
import { JobKind } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import {
  everyUser,
  type Ground,
  holdersOf,
  owners,
  type Row,
  row,
  viewersOfAllJobs,
  viewersOfTheJob,
} from '../rpc-row.ts'
import { formOf } from '../run-job.ts'

const { method: rpc } = JobsService
const operator = (then = 'OK') => ({ operator: then })
const both = (then = 'OK') => ({ 'jobs-worker': then, operator: then })

const programPath = ({ school }: Ground, tail: string) => `/api/v1/programs/${school.masters.key}/${tail}`
const theJob = ({ job }: Ground) => ({ id: job.id })
const noJob = { id: '00000000-0000-4000-8000-000000000000' }
const dateWanted = 'expected min_created_date to be a date of the form YYYY-MM-DD'
const noFile = { content: new TextEncoder().encode('nothing') }

export const jobsRows: Row[] = [
  row(rpc.createReadJob, 'of enrollments', {
    users: holdersOf('read_enrollments'),
    ask: ({ school }) => ({ kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey: school.masters.key }),
    rest: (ground) => ({ path: programPath(ground, 'enrollments'), ok: 202 }),
  }),
  row(rpc.createReadJob, 'of a run that is not there', {
    users: holdersOf('read_enrollments', 'COURSE_NOT_FOUND'),
    ask: ({ school }) => ({
      kind: JobKind.LIST_COURSE_RUN_ENROLLMENTS,
      programKey: school.masters.key,
      courseId: 'nowhere',
    }),
    rest: (ground) => ({ path: programPath(ground, 'courses/nowhere/enrollments'), ok: 202 }),
  }),
  row(rpc.createReadJob, 'of grades in a run that is not there', {
    users: holdersOf('read_enrollments', 'COURSE_NOT_FOUND'),
    ask: ({ school }) => ({
      kind: JobKind.GET_COURSE_RUN_GRADES,
      programKey: school.masters.key,
      courseId: 'nowhere',
    }),
    rest: (ground) => ({ path: programPath(ground, 'courses/nowhere/grades'), ok: 202 }),
  }),
  row(rpc.createReadJob, 'of all runs of a program that has no enrollments', {
    users: holdersOf('read_enrollments', 'OK', 'micro'),
    ask: ({ school }) => ({ kind: JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS, programKey: school.micro.key }),
    rest: ({ school }) => ({ path: `/api/v2/programs/${school.micro.key}/course_enrollments`, ok: 202 }),
  }),
  row(rpc.createReadJob, 'of nothing', {
    users: everyUser('PROGRAM_NOT_FOUND'),
    ask: (_, programKey) => ({ kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey }),
    rest: (_, key) => ({ path: `/api/v1/programs/${key}/enrollments?fmt=x`, ok: 202 }),
  }),
  row(rpc.createReadJob, 'of no kind', {
    users: holdersOf('read_enrollments', 'INVALID_ARGUMENT'),
    ask: ({ school }) => ({ programKey: school.masters.key }),
  }),
  row(rpc.createUploadJob, 'of what is no table', {
    users: holdersOf('write_enrollments', 'CSV_INVALID'),
    ask: ({ school }) => ({
      kind: JobKind.WRITE_PROGRAM_ENROLLMENTS,
      programKey: school.masters.key,
      ...noFile,
    }),
    rest: (ground) => ({
      method: 'POST',
      path: programPath(ground, 'enrollments/upload'),
      body: formOf('nothing'),
      ok: 202,
    }),
  }),
  row(rpc.createUploadJob, 'to a program that has no enrollments', {
    users: holdersOf('write_enrollments', 'OK', 'micro'),
    ask: ({ school }) => ({
      kind: JobKind.WRITE_COURSE_RUN_ENROLLMENTS,
      programKey: school.micro.key,
      ...noFile,
    }),
    rest: ({ school }) => ({
      method: 'POST',
      path: `/api/v1/programs/${school.micro.key}/course_enrollments/upload`,
      body: formOf('nothing'),
      ok: 202,
    }),
  }),
  row(rpc.createUploadJob, 'of no kind', {
    users: holdersOf('write_enrollments', 'INVALID_ARGUMENT'),
    ask: ({ school }) => ({ programKey: school.masters.key, ...noFile }),
  }),
  row(rpc.getJob, 'of one of the people', {
    users: viewersOfTheJob(),
    services: operator(),
    ask: theJob,
    check: ([answer], _, { job }) => expect(answer?.job?.id).toBe(job.id),
    rest: ({ job }) => ({ path: `/api/v1/jobs/${job.id}`, ok: 200 }),
  }),
  row(rpc.getJob, 'that is not there', {
    users: everyUser('JOB_NOT_FOUND'),
    services: operator('JOB_NOT_FOUND'),
    ask: () => noJob,
    rest: () => ({ path: `/api/v1/jobs/${noJob.id}`, ok: 200 }),
  }),
  row(rpc.listJobs, 'of the caller', {
    users: everyUser(),
    services: operator(),
    ask: () => ({ pageSize: 1 }),
    rest: () => ({ path: '/api/v1/jobs', ok: 200 }),
  }),
  row(rpc.listJobs, 'of everybody', {
    users: viewersOfAllJobs(),
    services: operator(),
    ask: ({ school }) => ({ allOwners: true, programKey: school.masters.key, pageSize: 1 }),
  }),
  row(rpc.listJobs, 'from nowhere', {
    users: everyUser('PAGE_TOKEN_INVALID'),
    services: operator('PAGE_TOKEN_INVALID'),
    ask: () => ({ pageToken: '?' }),
  }),
  row(rpc.cancelJob, 'that has ended', {
    users: owners('JOB_ENDED'),
    services: operator('JOB_ENDED'),
    ask: theJob,
    // Who may only look is told no less here: the job is there.
    rest: ({ job }) => ({ method: 'POST', path: `/api/v1/jobs/${job.id}/cancel`, ok: 200 }),
  }),
  row(rpc.cancelJob, 'that is not there', {
    users: everyUser('JOB_NOT_FOUND'),
    services: operator('JOB_NOT_FOUND'),
    ask: () => noJob,
    rest: () => ({ method: 'POST', path: `/api/v2/jobs/${noJob.id}/cancel`, ok: 200 }),
  }),
  row(rpc.getJobResult, 'of one of the people', {
    users: viewersOfTheJob(),
    services: operator(),
    ask: theJob,
    check: (parts) => expect(Buffer.concat(parts.map(({ data }) => data)).toString()).toContain('learner-'),
  }),
  row(rpc.getJobResult, 'that is not there', {
    users: everyUser('JOB_NOT_FOUND'),
    services: operator('JOB_NOT_FOUND'),
    ask: () => noJob,
  }),
  row(rpc.watchJob, 'of one of the people', {
    users: viewersOfTheJob(),
    services: operator(),
    ask: theJob,
    check: (updates) => expect(updates).toHaveLength(1),
  }),
  row(rpc.watchJob, 'that is not there', {
    users: everyUser('JOB_NOT_FOUND'),
    services: operator('JOB_NOT_FOUND'),
    ask: () => noJob,
  }),
  row(rpc.postJobSuccess, 'of a job that has ended', { services: both('JOB_ENDED'), ask: theJob }),
  row(rpc.postJobFailure, 'of a job that has ended', {
    services: both('JOB_ENDED'),
    ask: (ground) => ({ ...theJob(ground), reason: 'GIVEN_UP', message: 'It was given up.' }),
  }),
  row(rpc.postJobFailure, 'without a reason', { services: both('INVALID_ARGUMENT'), ask: theJob }),
  row(rpc.purgeJobs, 'of long ago', {
    services: both(),
    ask: () => ({ olderThan: { seconds: 2_592_000_000n } }),
  }),
  row(rpc.readSignedObject, 'by its link', {
    anybody: 'OK',
    ask: ({ job: { object } }) => ({ ...object, expireTime: { seconds: object.expires } }),
    check: ([first]) => expect(first?.info?.size).toBeGreaterThan(0n),
  }),
  row(rpc.readSignedObject, 'by a link of one’s own', {
    anybody: 'OBJECT_NOT_FOUND',
    ask: ({ job: { object } }) => ({
      ...object,
      signature: 'AAAA',
      expireTime: { seconds: object.expires },
    }),
    rest: ({ job: { object } }) => ({
      path: `/api/media/${object.bucket}/${object.key}?expires=${object.expires}&signature=AAAA`,
      ok: 200,
    }),
  }),
  row(rpc.listReports, 'of the program', {
    users: holdersOf('read_reports'),
    ask: ({ school }) => ({ programKey: school.masters.key }),
    rest: (ground) => ({ path: programPath(ground, 'reports'), ok: 200 }),
  }),
  row(rpc.listReports, 'since no day', {
    users: holdersOf('read_reports', 'INVALID_ARGUMENT'),
    ask: ({ school }) => ({ programKey: school.masters.key, minCreatedDate: 'x' }),
    rest: (ground) => ({
      path: programPath(ground, 'reports?min_created_date=x'),
      ok: 200,
      told: { INVALID_ARGUMENT: { status: 400, body: [dateWanted] } },
    }),
  }),
  row(rpc.listReports, 'of nothing', {
    users: everyUser('PROGRAM_NOT_FOUND'),
    ask: (_, programKey) => ({ programKey }),
    rest: (_, key) => ({ path: `/api/v1/programs/${key}/reports?min_created_date=x`, ok: 200 }),
  }),
]
