import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt'
import Type, { type Static } from 'typebox'
import { type Job, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { nullableText } from './nullable.ts'

const stateNames: Readonly<Record<number, string>> = {
  [JobState.PENDING]: 'Pending',
  [JobState.IN_PROGRESS]: 'In Progress',
  [JobState.RETRYING]: 'Retrying',
  [JobState.SUCCEEDED]: 'Succeeded',
  [JobState.FAILED]: 'Failed',
  [JobState.CANCELED]: 'Canceled',
}

const jobId = '3b985cec-dcf4-4d38-9498-8545ebcf5d0f'

export const acceptedHeaders = {
  Location: { type: 'string', description: 'The same as `job_url`.' },
  'Retry-After': { type: 'string', description: 'When to ask first, in seconds.' },
}

export const jobAcceptanceSchema = Type.Object(
  { job_id: Type.String({ format: 'uuid' }), job_url: Type.String({ format: 'uri' }) },
  {
    description: 'Accepted. Ask `job_url` until the job has ended.',
    examples: [{ job_id: jobId, job_url: `https://registrar.example.com/api/v2/jobs/${jobId}` }],
    headers: acceptedHeaders,
  },
)

export const jobStatusSchema = Type.Object(
  {
    job_id: Type.String({ format: 'uuid' }),
    name: Type.String(),
    created: Type.String({ format: 'date-time' }),
    state: Type.String({ enum: Object.values(stateNames) }),
    result: nullableText({
      description: 'Where the result can be fetched, for about an hour; ask again for a fresh link.',
    }),
    text: nullableText({
      description: '`200`, `207`, `422` or `204` for grades and uploads; why a job failed.',
    }),
    reason: nullableText({ description: 'Why the job failed, for machines.' }),
    progress: Type.Unsafe<{ rows_done: number; rows_total: number | null } | null>({
      type: ['object', 'null'],
      required: ['rows_done', 'rows_total'],
      properties: { rows_done: { type: 'integer' }, rows_total: { type: ['integer', 'null'] } },
      description: 'How far the job is, in rows.',
    }),
  },
  {
    description: 'A job.',
    examples: [
      {
        job_id: jobId,
        name: 'masters-in-cs:read:list_program_enrollments',
        created: '2026-01-02T03:04:05.678901Z',
        state: 'Succeeded',
        result: `https://registrar.example.com/api/media/registrar/job-results/${jobId}.json?expires=1795507200&signature=abc`,
        text: null,
        reason: null,
        progress: { rows_done: 10_000, rows_total: 10_000 },
      },
    ],
  },
)

export function renderJob(job: Job): Static<typeof jobStatusSchema> {
  return {
    job_id: job.id,
    name: job.name,
    created: job.createTime === undefined ? '' : renderTime(job.createTime),
    state: stateNames[job.state] ?? 'Pending',
    result: job.resultUrl ?? null,
    text: job.text ?? job.failure?.message ?? null,
    reason: job.failure?.reason ?? null,
    progress:
      job.progress === undefined
        ? null
        : {
            rows_done: Number(job.progress.rowsDone),
            rows_total: job.progress.rowsTotal === undefined ? null : Number(job.progress.rowsTotal),
          },
  }
}

// Microseconds, of which Date knows only the first three digits.
function renderTime(time: Timestamp): string {
  const seconds = new Date(timestampMs(time)).toISOString().slice(0, 19)
  const micros = String(Math.floor(time.nanos / 1000)).padStart(6, '0')
  return `${seconds}.${micros}Z`
}
