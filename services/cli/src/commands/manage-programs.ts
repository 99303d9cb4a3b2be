import type { Command } from 'commander'
import { Reason } from '#kit/errors.ts'
import { metadataOf } from '#kit/rpc-errors.ts'
import { type ProgramImport, ProgramImportSchema } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { Refusal, UsageError } from '../refusal.ts'

/** Discovery may take its time over each of them. */
const timeoutMs = 120_000

export function addManagePrograms(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('manage-programs')
    .description('make or rename programs that Discovery knows, all or none')
    .argument(
      '<programs...>',
      'UUID[:KEY], one by one or with commas between; the key is made of the slug without',
    )
    .action(async (args: string[]) => {
      const wanted = args.flatMap((arg) => arg.split(',')).map(readWanted)
      const { catalog } = await connect()
      const { programs } = await catalog
        .importPrograms({ programs: wanted }, { timeoutMs })
        .catch((error: unknown) => {
          throw explain(error)
        })
      tell({
        text: programs.map(describe).join('\n'),
        json: programs.map((each) => toAnswerJson(ProgramImportSchema, each)),
      })
    })
}

function readWanted(arg: string): { discoveryUuid: string; key: string } {
  const [discoveryUuid = '', key = '', ...more] = arg.split(':')
  if (more.length > 0 || !/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(discoveryUuid)) {
    throw new UsageError(`incorrectly formatted argument ${arg}`)
  }
  return { discoveryUuid, key }
}

function describe({ key, previousKey, organizationKey }: ProgramImport): string {
  if (previousKey === '') return `Program ${key} of organization ${organizationKey} was created.`
  if (previousKey === key) return `Program ${key} was there already.`
  return `Program ${previousKey} was renamed to ${key}.`
}

const unreadable = 'Could not read program from course-discovery; aborting'
const texts: Partial<Record<Reason, string>> = {
  [Reason.PROGRAM_NOT_FOUND]: unreadable,
  [Reason.UPSTREAM_FAILED]: unreadable,
  [Reason.UPSTREAM_UNAVAILABLE]: unreadable,
  [Reason.UPSTREAM_TIMEOUT]: unreadable,
  [Reason.ORGANIZATION_NOT_FOUND]: 'No authoring organization could be found or created',
}

function explain(error: unknown): unknown {
  const text = error instanceof Refusal && error.reason !== undefined ? texts[error.reason] : undefined
  if (text === undefined || !(error instanceof Refusal)) return error
  const { discovery_uuid: uuid } = metadataOf(error.cause)
  return new Refusal(`${text}: ${uuid ?? error.message}`, { reason: error.reason, cause: error })
}
