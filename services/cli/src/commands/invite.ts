import type { Command } from 'commander'
import type { CommandContext } from '../command-context.ts'

export function addInvite(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('invite')
    .description('promise membership in a group to whoever comes with an e-mail address')
    .argument('<email>', 'compared exactly')
    .requiredOption('--group <name>', 'the group')
    .action(async (email: string, { group }: { group: string }) => {
      const { accessControl } = await connect()
      const { joined } = await accessControl.inviteByEmail({ email, groupName: group })
      tell({
        text: joined
          ? `${email} is a member of group ${group}.`
          : `${email} becomes a member of group ${group} on the first call with that address.`,
        json: { email, group_name: group, joined },
      })
    })
}
