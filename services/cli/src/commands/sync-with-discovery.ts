import type { Command } from 'commander'
import {
  EnsureReportGroupsResponseSchema,
  type SyncCounts,
  SyncWithDiscoveryResponseSchema,
} from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { Refusal } from '../refusal.ts'
import type { Services } from '../services.ts'

/** All of Discovery is read. */
const syncTimeoutMs = 600_000
const groupsTimeoutMs = 120_000

export function addSyncWithDiscovery(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('sync-with-discovery')
    .description('take over organizations and programs from Discovery, and make the groups of report readers')
    .action(async () => {
      const { catalog } = await connect()
      const synced = await catalog.syncWithDiscovery({}, { timeoutMs: syncTimeoutMs })
      const ensured = await ensureGroups(catalog)
      const lines = [
        `Organizations: ${describe(synced.organizations)}`,
        `Programs: ${describe(synced.programs)}`,
        `Groups of report readers: ${describe(ensured.groups)}`,
        ...synced.problems,
        ...ensured.problems,
        // What those who watch the logs wait for.
        'Sync with Discovery Service complete!',
      ]
      tell({
        text: lines.join('\n'),
        json: {
          catalog: toAnswerJson(SyncWithDiscoveryResponseSchema, synced),
          groups: toAnswerJson(EnsureReportGroupsResponseSchema, ensured),
        },
      })
    })
}

async function ensureGroups(catalog: Services['catalog']) {
  try {
    return await catalog.ensureReportGroups({}, { timeoutMs: groupsTimeoutMs })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const message = `Organizations and programs were taken over, but not all groups were made. ${error.message} Run this again to finish.`
    throw new Refusal(message, { reason: error.reason, cause: error })
  }
}

function describe(counts: SyncCounts | undefined): string {
  const { created = 0, updated = 0, unchanged = 0, skipped = 0 } = counts ?? {}
  return `${created} created, ${updated} updated, ${unchanged} unchanged, ${skipped} skipped.`
}
