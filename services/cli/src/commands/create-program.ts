import type { Command } from 'commander'
import { Reason } from '#kit/errors.ts'
import { ProgramSchema } from '#proto/registrar/catalog/v1/program_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { inOtherWords } from '../refusal.ts'

type Options = { organization: string; uuid?: string; title?: string; type?: string; url?: string }

export function addCreateProgram(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('create-program')
    .description('make a program, where no Discovery keeps them')
    .argument('<key>', 'letters, digits, _ and -')
    .requiredOption('--organization <key>', 'who manages it')
    .option('--uuid <uuid>', 'its id in the LMS; one is made without')
    .option('--title <title>', 'the key without')
    .option('--type <type>', 'Masters, for example: only those have enrollments')
    .option('--url <url>', 'the page that advertises it')
    .action(async (key: string, { organization, uuid, title, type, url }: Options) => {
      const { catalog } = await connect()
      const request = { key, organizationKey: organization, discoveryUuid: uuid, title, type, url }
      const answer = await inOtherWords(catalog.createProgram(request), {
        [Reason.ORGANIZATION_NOT_FOUND]: `There is no organization with the key ${organization}.`,
        [Reason.ALREADY_EXISTS]: `There is already a program with the key ${key}.`,
      })
      tell({
        text: `Program ${key} of organization ${organization} was created.`,
        json: toAnswerJson(ProgramSchema, answer.program),
      })
    })
}
