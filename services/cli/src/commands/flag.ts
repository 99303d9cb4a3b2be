import { create } from '@bufbuild/protobuf'
import { type Command, Option } from 'commander'
import { SetFlagRequestSchema } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { UsageError } from '../refusal.ts'
import { describeSubject, readSubject, type SubjectOptions } from '../resources.ts'

type Options = SubjectOptions & { everyone?: 'on' | 'off'; off?: true }

export function addFlag(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('flag')
    .description('turn a feature flag on or off')
    .argument('<name>', 'enable_course_role_management or include_name_email_in_get_program_enrollment')
    .addOption(
      new Option('--everyone <state>', 'for all users')
        .choices(['on', 'off'])
        .conflicts(['user', 'group', 'off']),
    )
    .option('--user <username>', 'for this user')
    .option('--group <name>', "for this group's members")
    .option('--off', 'turn it off for the user or group')
    .action(async (flag: string, options: Options) => {
      const { everyone, user, group, off } = options
      if (everyone === undefined && user === undefined && group === undefined) {
        throw new UsageError('Name one of --everyone, --user and --group.')
      }
      const request = create(SetFlagRequestSchema, {
        flag,
        subject: everyone === undefined ? readSubject(options) : { case: 'everyone', value: true },
        enabled: everyone === undefined ? !off : everyone === 'on',
      })
      const { accessControl } = await connect()
      await accessControl.setFlag(request)
      const whom = everyone === undefined ? describeSubject(options) : 'everyone'
      tell({
        text: `Flag ${flag} is ${request.enabled ? 'on' : 'off'} for ${whom}.`,
        json: toAnswerJson(SetFlagRequestSchema, request),
      })
    })
}
