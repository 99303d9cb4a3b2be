import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { Command } from 'commander'
import { type AuditEntry, readAuditTrail } from '../audit-trail.ts'
import { auditHeader, toAuditCells, toAuditJson } from '../audit-words.ts'
import type { CommandContext } from '../command-context.ts'
import { parseDuration } from '../durations.ts'
import { parseLimit } from '../limits.ts'
import { formatTable } from '../output.ts'
import { UsageError } from '../refusal.ts'
import { findResource } from '../resources.ts'
import type { Services } from '../services.ts'
import { addAuditPurge } from './audit-purge.ts'

type Options = {
  actor?: string
  organization?: string
  program?: string
  student?: string
  action?: string
  target?: string
  request?: string
  job?: string
  since?: Date
  until?: Date
  rows?: true
  limit: number
}

export function addAudit(program: Command, context: CommandContext): void {
  const audit = program
    .command('audit')
    .description('tell who changed which user, group, grant, flag or enrollment, newest first')
    .option('--actor <name>', 'by this user, or by operator')
    .option('--organization <key>', 'on this organization')
    .option('--program <key>', 'on this program')
    .option('--student <key>', 'what was written about the learner with this key')
    .option('--action <action>', 'permission.granted, for example')
    .option('--target <name>', 'to this user, group, program or course')
    .option('--request <id>', 'by the request with this X-Request-ID')
    .option('--job <id>', 'by this job')
    .option('--since <moment>', 'since 2026-11-01, 2026-11-01T12:00Z, or 7d ago', parseMoment)
    .option('--until <moment>', 'before that', parseMoment)
    .option('--rows', 'with each learner of a batch')
    .option('--limit <number>', 'at most so many lines', parseLimit, 100)
    .action(async (options: Options) => {
      const services = await context.connect()
      const { student, rows = false, limit } = options
      const search = {
        filter: await readFilter(services, options),
        rows,
        ...(student !== undefined && { student }),
      }
      const found = await take(readAuditTrail(services, search), limit)
      context.tell({ text: formatTable(auditHeader, found.map(toAuditCells)), json: found.map(toAuditJson) })
    })
  addAuditPurge(audit, context)
}

async function readFilter(services: Services, options: Options) {
  const { actor, organization, program, action, target, request, job, since, until } = options
  if (request !== undefined && job !== undefined) throw new UsageError('Name one of --request and --job.')
  const [onOrganization, onProgram] = [
    await findResource(services, organization === undefined ? {} : { organization }),
    await findResource(services, program === undefined ? {} : { program }),
  ]
  return {
    actor,
    organizationId: onOrganization?.target.value,
    programId: onProgram?.target.value,
    action,
    target,
    requestId: request ?? job,
    since: since && timestampFromDate(since),
    until: until && timestampFromDate(until),
  }
}

async function take(entries: AsyncIterable<AuditEntry>, limit: number): Promise<AuditEntry[]> {
  const taken: AuditEntry[] = []
  for await (const entry of entries) {
    taken.push(entry)
    if (taken.length === limit) break
  }
  return taken
}

/** A moment as ISO 8601 has it, in UTC when it does not say, or so long ago. */
function parseMoment(text: string): Date {
  if (/^\d+[smhd]$/.test(text)) return new Date(Date.now() - parseDuration(text) * 1_000)
  const isZoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text)
  const date = new Date(/^\d{4}-\d\d-\d\d$/.test(text) || isZoned ? text : `${text}Z`)
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(date.getTime())) {
    throw new UsageError(`${text} is not a moment: write 2026-11-01, 2026-11-01T12:00Z or 7d.`)
  }
  return date
}
