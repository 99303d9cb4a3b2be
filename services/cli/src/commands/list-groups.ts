import type { Command } from 'commander'
import { type Group, GroupSchema } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { readGroups } from '../groups.ts'
import { formatTable, toAnswerJson } from '../output.ts'

export function addListGroups(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('list-groups')
    .description('list all groups by name')
    .action(async () => {
      const groups = await Array.fromAsync(readGroups(await connect()))
      tell({
        text: formatTable(['NAME', 'ROLE', 'ON', 'MEMBERS'], groups.map(toRow)),
        json: groups.map((group) => toAnswerJson(GroupSchema, group)),
      })
    })
}

function toRow({ name, role, resource, memberCount }: Group): string[] {
  const { case: kind, value = '' } = resource?.target ?? {}
  const on = kind === undefined ? '' : `${kind === 'programId' ? 'program' : 'organization'} ${value}`
  return [name, role, on, String(memberCount)]
}
