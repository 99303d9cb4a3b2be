import { type Command, Option } from 'commander'
import { type Job, JobSchema, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { describeState, stateNames } from '../job-states.ts'
import { parseLimit } from '../limits.ts'
import { formatTable, formatTime, toAnswerJson } from '../output.ts'
import type { Services } from '../services.ts'

type Options = { state?: string[]; program?: string; limit: number }

export function addJobsList(jobs: Command, { connect, tell }: CommandContext): void {
  jobs
    .command('list')
    .description("list everybody's jobs, newest first")
    .addOption(new Option('--state <states...>', 'only in these states').choices(Object.keys(stateNames)))
    .option('--program <key>', 'only on this program')
    .option('--limit <number>', 'at most so many', parseLimit, 100)
    .action(async (options: Options) => {
      const found = await Array.fromAsync(readJobs(await connect(), options))
      const header = ['ID', 'STATE', 'PROGRAM', 'USER', 'CREATED', 'NAME']
      tell({
        text: formatTable(header, found.map(toRow)),
        json: found.map((job) => toAnswerJson(JobSchema, job)),
      })
    })
}

async function* readJobs(services: Services, { state = [], program, limit }: Options): AsyncGenerator<Job> {
  let pageToken = ''
  let left = limit
  do {
    const page = await services.jobs.listJobs({
      states: state.map((name) => stateNames[name] ?? JobState.UNSPECIFIED),
      programKey: program,
      allOwners: true,
      pageSize: Math.min(left, 1_000),
      pageToken,
    })
    yield* page.jobs.slice(0, left)
    left -= page.jobs.length
    pageToken = page.nextPageToken
  } while (pageToken !== '' && left > 0)
}

function toRow({ id, state, programKey, username, createTime, name }: Job): string[] {
  return [id, describeState(state), programKey, username, formatTime(createTime), name]
}
