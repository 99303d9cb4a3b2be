import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { parseDuration } from '../durations.ts'

const withinMs = 600_000

export function addJobsPurge(jobs: Command, { connect, tell }: CommandContext): void {
  jobs
    .command('purge')
    .description('remove ended jobs with their results and uploads')
    .requiredOption('--older-than <duration>', 'those that ended longer ago than 12h, 30d, …', parseDuration)
    .action(async ({ olderThan }: { olderThan: number }) => {
      const services = await connect()
      const request = { olderThan: { seconds: BigInt(olderThan) } }
      const { purged } = await services.jobs.purgeJobs(request, { timeoutMs: withinMs })
      tell({ text: purged === 1 ? '1 job was removed.' : `${purged} jobs were removed.`, json: { purged } })
    })
}
