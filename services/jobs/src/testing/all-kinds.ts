import { randomUUID } from 'node:crypto'
import { DomainError, Reason } from '#kit/errors.ts'
import { type Job, JobKind, JobState, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { purgeScheduleId, syncScheduleId } from '../temporal/names.ts'
import { resetWorkflow } from './resets.ts'
import { hasEnded, type JobsClient, type TestStack, waitForJob } from './stack.ts'

/** A workflow that has ended, and what happened in it. */
export type Told = { story: string; workflowId: string }

/** Everything personal that goes through `runAllKinds`, as it would show. */
export const personal = {
  username: 'ada.lovelace.partner',
  texts: [
    'student-',
    'learner',
    'example.com',
    'ada.lovelace',
    'zoe-smith',
    'Zoë',
    'eyJhbGciOi',
    'secret cause',
  ],
}

/** JOB_PART_ROWS of the stack on which `runAllKinds` runs. */
export const partRows = 2_000

const [internal, external] = ['course-v1:A+B+C', 'EXT-1']

/** Runs jobs of every kind, through everything that can happen to one, and waits for the end of each. */
export async function runAllKinds(stack: TestStack): Promise<Told[]> {
  const { peers } = stack
  peers.programs.set('masters', {
    ...{ id: randomUUID(), discoveryUuid: randomUUID(), organizationKey: 'school' },
    courses: { [internal]: external, 'course-v1:D+E+F': '' },
  })
  const flags = ['include_name_email_in_get_program_enrollment', 'enable_course_role_management']
  const client = stack.as(personal.username, { flags })
  const temporal = await stack.temporal.client()
  const told: Told[] = []
  const set = (values: Partial<typeof peers.enrollment>) => Object.assign(peers.enrollment, values)
  const calm = { rows: 5_000, pageDelayMs: 0, failures: [], grades, unasked: [] }

  async function tell(story: string, jobId: string | undefined, isWanted?: (job: Job) => boolean) {
    const job = await waitForJob(client, jobId, isWanted)
    told.push({ story, workflowId: job.id })
    return job
  }
  const read = async (kind: JobKind, by: JobsClient = client) =>
    (await by.createReadJob({ kind, programKey: 'masters', courseId: external, format: ResultFormat.CSV }))
      .job?.id
  const upload = async (kind: JobKind, content: string) =>
    (await client.createUploadJob({ kind, programKey: 'masters', content: Buffer.from(content) })).job?.id

  set(calm)
  peers.enrollment.judge = ({ status }) =>
    status === 'bad' ? { status: 'invalid-status', accepted: false } : { status, accepted: true }
  await tell('ListProgramEnrollments-parts', await read(JobKind.LIST_PROGRAM_ENROLLMENTS))
  await tell('ListAllCourseRunEnrollments-parts', await read(JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS))
  await tell('ListCourseRunEnrollments-parts', await read(JobKind.LIST_COURSE_RUN_ENROLLMENTS))
  await tell('GetCourseRunGrades-outcomes', await read(JobKind.GET_COURSE_RUN_GRADES))
  await tell('WriteProgramEnrollments-outcomes', await upload(JobKind.WRITE_PROGRAM_ENROLLMENTS, programRows))
  await tell(
    'WriteCourseRunEnrollments-outcomes',
    await upload(JobKind.WRITE_COURSE_RUN_ENROLLMENTS, courseRows),
  )
  const many = Array.from({ length: partRows + 1 }, (_, n) => `zoe-smith-${n},enrolled\n`).join('')
  await tell(
    'WriteProgramEnrollments-parts',
    await upload(JobKind.WRITE_PROGRAM_ENROLLMENTS, `student_key,status\n${many}`),
  )
  set({ rows: 3 })
  await tell('ListProgramEnrollments-small', await read(JobKind.LIST_PROGRAM_ENROLLMENTS))

  set({ failures: [away, away] })
  await tell('ListCourseRunEnrollments-retried', await read(JobKind.LIST_COURSE_RUN_ENROLLMENTS))
  set({ failures: [refused] })
  await tell(
    'WriteCourseRunEnrollments-failed',
    await upload(JobKind.WRITE_COURSE_RUN_ENROLLMENTS, courseRows),
  )
  set({ failures: [broken] })
  await tell('ListAllCourseRunEnrollments-fault', await read(JobKind.LIST_ALL_COURSE_RUN_ENROLLMENTS))
  const hurried = stack.as(personal.username, {}, await stack.startService({ JOB_TIME_LIMIT: '3' }))
  set({ failures: Array(50).fill(away) })
  await tell('GetCourseRunGrades-late', await read(JobKind.GET_COURSE_RUN_GRADES, hurried))

  set({ ...calm, rows: 50_000, pageDelayMs: 300 })
  const canceled = await read(JobKind.LIST_PROGRAM_ENROLLMENTS)
  await waitForJob(client, canceled, ({ progress }) => (progress?.rowsDone ?? 0n) > BigInt(partRows))
  await client.cancelJob({ id: canceled })
  await tell('ListProgramEnrollments-cancelled', canceled)
  const posted = await read(JobKind.LIST_PROGRAM_ENROLLMENTS)
  await waitForJob(client, posted, ({ state }) => state === JobState.IN_PROGRESS)
  await stack.operator.postJobFailure({
    id: posted,
    reason: 'LMS_CLOSED',
    message: 'The LMS is closed today.',
  })
  await tell('ListProgramEnrollments-posted', posted)

  set({ ...calm, failures: [refused] })
  const reset = await read(JobKind.LIST_PROGRAM_ENROLLMENTS)
  await waitForJob(client, reset, hasEnded)
  await temporal.workflow
    .getHandle(reset as string)
    .result()
    .catch(() => {})
  await resetWorkflow(temporal, reset as string)
  await tell('ListProgramEnrollments-reset', reset, ({ state }) => state === JobState.SUCCEEDED)

  await temporal.schedule.getHandle(purgeScheduleId).trigger()
  told.push({ story: 'PurgeExpired-scheduled', workflowId: await findRun(stack, 'PurgeExpired') })
  await temporal.schedule.getHandle(syncScheduleId).trigger()
  told.push({ story: 'SyncWithDiscovery-scheduled', workflowId: await findRun(stack, 'SyncWithDiscovery') })
  for (const { workflowId } of told) {
    await temporal.workflow
      .getHandle(workflowId)
      .result()
      .catch(() => {})
  }
  return told
}

async function findRun(stack: TestStack, type: string): Promise<string> {
  const temporal = await stack.temporal.client()
  for (;;) {
    for await (const { workflowId } of temporal.workflow.list({ query: `WorkflowType = '${type}'` })) {
      return workflowId
    }
  }
}

const away = new DomainError(Reason.UPSTREAM_UNAVAILABLE, 'The LMS is away.', { retryAfterSeconds: 1 })
const refused = new DomainError(Reason.COURSE_NOT_FOUND, 'The LMS does not know the course run.')
const broken = new Error('secret cause: Key (student_key)=(student-1) already exists, zoe-smith@example.com')

const grades = [
  { studentKey: 'student-1', outcome: { case: 'grade' as const, value: { percent: '0.950', passed: true } } },
  {
    studentKey: 'zoe-smith',
    outcome: { case: 'error' as const, value: 'zoe-smith@example.com has no grade' },
  },
]
const programRows = 'student_key,status\nstudent-1,enrolled\nzoe-smith,bad\nZoë,pending\nzoe-smith,enrolled\n'
const courseRows = [
  'course_id,student_key,status,course_staff',
  `${external},student-1,active,true`,
  `${internal},zoe-smith,bad,`,
  'unknown,Zoë,active,false',
  '',
].join('\n')
