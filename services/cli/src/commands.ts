import type { Command } from 'commander'
import type { CommandContext } from './command-context.ts'
import { addAddCourseRun } from './commands/add-course-run.ts'
import { addAddMember } from './commands/add-member.ts'
import { addAudit } from './commands/audit.ts'
import { addCreateGroup } from './commands/create-group.ts'
import { addCreateOrganization } from './commands/create-organization.ts'
import { addCreateProgram } from './commands/create-program.ts'
import { addCreateUser } from './commands/create-user.ts'
import { addFlag } from './commands/flag.ts'
import { addGrant } from './commands/grant.ts'
import { addInvite } from './commands/invite.ts'
import { addJobs } from './commands/jobs.ts'
import { addListGroups } from './commands/list-groups.ts'
import { addManagePrograms } from './commands/manage-programs.ts'
import { addMigrate } from './commands/migrate.ts'
import { addRemoveMember } from './commands/remove-member.ts'
import { addRevoke } from './commands/revoke.ts'
import { addShowUser } from './commands/show-user.ts'
import { addSyncWithDiscovery } from './commands/sync-with-discovery.ts'
import { addToken } from './commands/token.ts'
import { addUpdateGroup } from './commands/update-group.ts'
import { addUpdateUser } from './commands/update-user.ts'

/** Every command, in the order of `registrar --help`. */
export const commands: readonly ((program: Command, context: CommandContext) => void)[] = [
  addMigrate,
  addCreateOrganization,
  addCreateProgram,
  addAddCourseRun,
  addManagePrograms,
  addSyncWithDiscovery,
  addCreateUser,
  addUpdateUser,
  addShowUser,
  addCreateGroup,
  addUpdateGroup,
  addListGroups,
  addAddMember,
  addRemoveMember,
  addInvite,
  addGrant,
  addRevoke,
  addFlag,
  addToken,
  addJobs,
  addAudit,
]
