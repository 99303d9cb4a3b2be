import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { addJobsCancel } from './jobs-cancel.ts'
import { addJobsList } from './jobs-list.ts'
import { addJobsPurge } from './jobs-purge.ts'
import { addJobsShow } from './jobs-show.ts'

export function addJobs(program: Command, context: CommandContext): void {
  const jobs = program.command('jobs').description('look at jobs, cancel them, remove old ones')
  addJobsList(jobs, context)
  addJobsShow(jobs, context)
  addJobsCancel(jobs, context)
  addJobsPurge(jobs, context)
}
