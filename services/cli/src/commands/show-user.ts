import type { Command } from 'commander'
import { GetUserResponseSchema } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { formatFields, formatTime, toAnswerJson } from '../output.ts'

export function addShowUser(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('show-user')
    .description('tell what is known of a user')
    .argument('<username>')
    .action(async (username: string) => {
      const { accessControl } = await connect()
      const answer = await accessControl.getUser({ username })
      const { user, groupNames } = answer
      tell({
        text: formatFields({
          username: user?.username,
          email: user?.email,
          active: user?.active ? 'yes' : 'no',
          staff: user?.staff ? 'yes' : 'no',
          superuser: user?.superuser ? 'yes' : 'no',
          groups: groupNames.join(', '),
          created: formatTime(user?.createTime),
          updated: formatTime(user?.updateTime),
        }),
        json: toAnswerJson(GetUserResponseSchema, answer),
      })
    })
}
