import type { Command } from 'commander'
import { JobSchema } from '#proto/registrar/jobs/v1/job_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'

export function addJobsCancel(jobs: Command, { connect, tell }: CommandContext): void {
  jobs
    .command('cancel')
    .description('ask a job to stop; it does so within seconds')
    .argument('<id>')
    .action(async (id: string) => {
      const services = await connect()
      const { job } = await services.jobs.cancelJob({ id })
      tell({ text: `Job ${id} was asked to stop.`, json: toAnswerJson(JobSchema, job) })
    })
}
