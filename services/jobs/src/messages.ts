import type { MessageInitShape } from '@bufbuild/protobuf'
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  ResultFormat as FormatNumber,
  type JobSchema,
  JobKind as KindNumber,
  JobState as StateNumber,
} from '#proto/registrar/jobs/v1/job_pb.ts'
import { type Job, type JobKind, type JobState, jobNameOf, type ResultFormat } from './domain/job.ts'
import { resultKeyOf } from './domain/object-keys.ts'
import type { ObjectLinks } from './storage/storage.ts'

export type TellJob = (job: Job) => Promise<MessageInitShape<typeof JobSchema>>

/** Tells jobs, each with a fresh link to its result. */
export function createTellJob(links: ObjectLinks, bucket: string): TellJob {
  return async (job) => ({
    id: job.id,
    name: jobNameOf(job),
    kind: kindNumbers[job.kind],
    state: StateNumber[job.state],
    createTime: timestampOf(job.createdAt),
    updateTime: timestampOf(job.updatedAt),
    username: job.username,
    programKey: job.programKey,
    organizationKey: job.organizationKey,
    courseId: job.courseId ?? '',
    format: formatNumbers[job.format],
    attempt: job.attempt,
    progress: {
      rowsDone: BigInt(job.rowsDone),
      ...(job.rowsTotal !== null && { rowsTotal: BigInt(job.rowsTotal) }),
    },
    ...(job.state === 'SUCCEEDED' && {
      ...(!job.isResultRemoved && { resultUrl: (await links.linkTo(bucket, resultKeyOf(job))).url }),
      ...(job.outcome !== null && { text: job.outcome }),
    }),
    ...(job.state === 'FAILED' &&
      job.failure !== null && { text: job.failure.message, failure: job.failure }),
  })
}

const kindNumbers: Record<JobKind, KindNumber> = {
  ListProgramEnrollments: KindNumber.LIST_PROGRAM_ENROLLMENTS,
  ListCourseRunEnrollments: KindNumber.LIST_COURSE_RUN_ENROLLMENTS,
  ListAllCourseRunEnrollments: KindNumber.LIST_ALL_COURSE_RUN_ENROLLMENTS,
  GetCourseRunGrades: KindNumber.GET_COURSE_RUN_GRADES,
  WriteProgramEnrollments: KindNumber.WRITE_PROGRAM_ENROLLMENTS,
  WriteCourseRunEnrollments: KindNumber.WRITE_COURSE_RUN_ENROLLMENTS,
}

const formatNumbers: Record<ResultFormat, FormatNumber> = { json: FormatNumber.JSON, csv: FormatNumber.CSV }

/** The kind that a number stands for; undefined for none of ours. */
export function kindOf(number: KindNumber): JobKind | undefined {
  return (Object.keys(kindNumbers) as JobKind[]).find((kind) => kindNumbers[kind] === number)
}

/** The state that a number stands for; undefined for none of ours. */
export function stateOf(number: StateNumber): JobState | undefined {
  return (Object.keys(StateNumber) as (JobState | 'UNSPECIFIED')[]).find(
    (state): state is JobState => state !== 'UNSPECIFIED' && StateNumber[state] === number,
  )
}

/** A time in microseconds since 1970. */
export function timestampOf(micros: bigint): MessageInitShape<never> | Timestamp {
  const timestamp = timestampFromMs(0)
  timestamp.seconds = micros / 1_000_000n
  timestamp.nanos = Number(micros % 1_000_000n) * 1_000
  return timestamp
}
