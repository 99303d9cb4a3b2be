import type { Command } from 'commander'
import { type Job, JobSchema, ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { describeState } from '../job-states.ts'
import { formatFields, formatTime, toAnswerJson } from '../output.ts'

export function addJobsShow(jobs: Command, { connect, tell }: CommandContext): void {
  jobs
    .command('show')
    .description('tell all about a job, with a fresh link to its result')
    .argument('<id>')
    .action(async (id: string) => {
      const services = await connect()
      const { job } = await services.jobs.getJob({ id })
      tell({ json: toAnswerJson(JobSchema, job), text: job === undefined ? '' : describeJob(job) })
    })
}

function describeJob(job: Job): string {
  const { progress, failure } = job
  return formatFields({
    id: job.id,
    name: job.name,
    state: describeState(job.state),
    failure: failure && `${failure.reason}: ${failure.message}`,
    text: job.text,
    user: job.username,
    organization: job.organizationKey,
    program: job.programKey,
    course: job.courseId,
    format: job.format === ResultFormat.CSV ? 'csv' : 'json',
    attempt: String(job.attempt),
    rows:
      progress && [progress.rowsDone, progress.rowsTotal].filter((rows) => rows !== undefined).join(' of '),
    created: formatTime(job.createTime),
    updated: formatTime(job.updateTime),
    result: job.resultUrl,
  })
}
