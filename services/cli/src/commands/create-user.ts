import type { Command } from 'commander'
import { UserSchema } from '#proto/registrar/accesscontrol/v1/user_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { UsageError } from '../refusal.ts'

type Options = { email?: string; superuser?: true; staff?: true; groups?: string[] }

export function addCreateUser(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('create-user')
    .description('make a user before their first call')
    .argument('<username>', 'as their tokens will name them')
    .option('--email <address>')
    .option('--superuser', 'may do everything')
    .option('--staff', 'may flush caches')
    .option('-g, --groups <names...>', 'groups to put the user into')
    .action(async (username: string, { email, superuser, staff, groups = [] }: Options) => {
      if (new Set(groups).size < groups.length) throw new UsageError('Duplicate groups not allowed')
      const { accessControl } = await connect()
      const { user } = await accessControl.createUser({
        username,
        email,
        superuser,
        staff,
        groupNames: groups,
      })
      tell({ text: `User ${username} was created.`, json: toAnswerJson(UserSchema, user) })
    })
}
