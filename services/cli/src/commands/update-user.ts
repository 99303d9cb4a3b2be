import { type Command, Option } from 'commander'
import { UserSchema } from '#proto/registrar/accesscontrol/v1/user_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { UsageError } from '../refusal.ts'

type Options = { email?: string; active?: true; inactive?: true; staff?: boolean; superuser?: boolean }

export function addUpdateUser(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('update-user')
    .description('change a user')
    .argument('<username>')
    .option('--email <address>')
    .addOption(new Option('--active', 'let the user in again').conflicts('inactive'))
    .addOption(new Option('--inactive', 'lock the user out').conflicts('active'))
    .option('--staff', 'let the user flush caches')
    .option('--no-staff')
    .option('--superuser', 'let the user do everything')
    .option('--no-superuser')
    .action(async (username: string, { email, active, inactive, staff, superuser }: Options) => {
      const changes = { email, active: inactive ? false : active, staff, superuser }
      if (Object.values(changes).every((value) => value === undefined)) {
        throw new UsageError('Name something to change.')
      }
      const { accessControl } = await connect()
      const { user } = await accessControl.updateUser({ username, ...changes })
      tell({ text: `User ${username} was changed.`, json: toAnswerJson(UserSchema, user) })
    })
}
