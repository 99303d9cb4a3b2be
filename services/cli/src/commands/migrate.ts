import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'
import { type MigratedService, migratedServices, readDatabaseUrls } from '../config.ts'
import { formatFields } from '../output.ts'
import { Refusal } from '../refusal.ts'

export function addMigrate(program: Command, { env, tell }: CommandContext): void {
  program
    .command('migrate')
    .description("bring every service's tables up to date; safe to repeat, also while services run")
    .action(async () => {
      const urls = await readDatabaseUrls(env)
      const applied: Record<string, string[]> = {}
      for (const service of migratedServices) applied[service] = await migrateService(service, urls[service])
      const lines = Object.entries(applied).map(([service, names]) => [
        service,
        names.length === 0 ? 'up to date' : `applied ${names.join(', ')}`,
      ])
      tell({ text: formatFields(Object.fromEntries(lines)), json: applied })
    })
}

async function migrateService(service: MigratedService, databaseUrl: string): Promise<string[]> {
  // Loaded here: no other command needs a database, and its libraries take a while.
  const { migrate } = await import('#kit/migrate.ts')
  const folder = new URL(`../../../${service}/migrations/`, import.meta.url)
  try {
    return await migrate(databaseUrl, service.replace('-', '_'), folder)
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'ConfigError') throw error
    throw new Refusal(`The tables of ${service} are not up to date: ${error.message}`, { cause: error })
  }
}
