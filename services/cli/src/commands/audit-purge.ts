import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { parseDuration } from '../durations.ts'

const withinMs = 120_000

export function addAuditPurge(audit: Command, { connect, tell }: CommandContext): void {
  audit
    .command('purge')
    .description('remove what is old from the audit trail, and put down that it was removed')
    .requiredOption('--older-than <duration>', 'what is older than 365d, …; 30d at least', parseDuration)
    .action(async ({ olderThan }: { olderThan: number }) => {
      const { accessControl, enrollment } = await connect()
      const request = { olderThan: { seconds: BigInt(olderThan) } }
      const events = await purgeAll(() => accessControl.purgeAuditEvents(request, { timeoutMs: withinMs }))
      const batches = await purgeAll(() => enrollment.purgeAuditEvents(request, { timeoutMs: withinMs }))
      tell({
        text: `${events} events of access-control and ${batches} batches of enrollments were removed.`,
        json: { events, batches },
      })
    })
}

async function purgeAll(purge: () => Promise<{ purged: number; more: boolean }>): Promise<number> {
  let sum = 0
  for (;;) {
    const { purged, more } = await purge()
    sum += purged
    if (!more) return sum
  }
}
