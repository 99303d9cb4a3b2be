import type { Sequelize } from 'sequelize'
import { bindAuthor } from '#kit/audit-statements.ts'
import type { Author } from '#kit/author.ts'
import { withClient } from '#kit/database.ts'
import type { Identity } from '../domain/identity.ts'
import type { Resource } from '../domain/permissions.ts'
import type { Holding } from '../domain/resolve-permissions.ts'
import type { User } from '../domain/user.ts'
import { differing, recorded } from './audit-store.ts'
import { joinInvitedGroups } from './join-invited-groups.ts'

/** All that decides what a caller may do. */
export type CallerFacts = Omit<User, 'createdAt' | 'updatedAt'> & {
  /** A membership is promised to the address in the token, or else to the one that is stored. */
  invited: boolean
  /** Names of the flags that are on for the caller, sorted. */
  flags: string[]
  /** Own and through groups; what is held globally is always among them. */
  holdings: Holding[]
}

export type CallerStore = {
  /**
   * Reads a caller by name in one statement; undefined when there is none yet. `resourceIds` leaves out holdings on any other
   * organization or program; undefined reads them all.
   */
  readFacts(identity: Identity, resourceIds?: readonly string[]): Promise<CallerFacts | undefined>
  /**
   * Makes the user or brings it up to what the token says, and turns invitations into memberships, in one statement. Any number
   * of calls at once make one user.
   */
  recordIdentity(identity: Identity, author: Author): Promise<void>
}

export function createCallerStore(database: Sequelize): CallerStore {
  return {
    async readFacts({ username, email = null }, resourceIds) {
      const query =
        resourceIds === undefined
          ? { ...factsOnAll, values: [username, email] }
          : { ...factsOnSome, values: [username, email, resourceIds] }
      const { rows } = await withClient(database, (client) => client.query<FactsRow>(query))
      const [row] = rows
      return row && { ...row, holdings: row.holdings.map(readHolding) }
    },

    async recordIdentity({ username, email = null, administrator = null }, author) {
      await database.query(recordSql, { bind: { username, email, administrator, ...bindAuthor(author) } })
    },
  }
}

type FactsRow = Omit<CallerFacts, 'holdings'> & { holdings: HoldingRow[] }
type HoldingRow = [
  role: string | null,
  permission: string | null,
  kind: Resource['kind'] | null,
  id: string | null,
]

function readHolding([role, permission, kind, id]: HoldingRow): Holding {
  const resource = kind === null || id === null ? undefined : { kind, id }
  if (role !== null && resource !== undefined) return { role, resource }
  return { permission: permission ?? '', ...(resource && { resource }) }
}

// Named, so that each connection plans them once: planning takes longer than running them. Two of them, so that the plan for a
// few resources need not fit the reading of all.
const factsOnAll = { name: 'caller-facts-on-all', text: factsSql('true') }
const factsOnSome = {
  name: 'caller-facts-on-some',
  text: factsSql('(held.resource_id is null or held.resource_id = any($3::uuid[]))'),
}

function factsSql(isWanted: string): string {
  return `
    select u.id, u.username, u.email, u.active, u.staff, u.superuser,
      exists (select from invitations i where i.email = coalesce($2, u.email)) as invited,
      array(
        select flag from flag_settings where user_id is null and group_id is null
        union select flag from flag_settings where user_id = u.id
        union select f.flag from memberships m join flag_settings f on f.group_id = m.group_id where m.user_id = u.id
        union select flag from flag_settings where u.superuser
        order by flag
      ) as flags,
      coalesce((
        select json_agg(json_build_array(role, permission, resource_kind, resource_id)) from (
          select held.role, null as permission, held.resource_kind, held.resource_id
          from memberships m join groups held on held.id = m.group_id
          where m.user_id = u.id and held.role is not null and ${isWanted}
          union all
          select null, held.permission, held.resource_kind, held.resource_id
          from grants held
          where held.user_id = u.id and ${isWanted}
          union all
          select null, held.permission, held.resource_kind, held.resource_id
          from memberships m join grants held on held.group_id = m.group_id
          where m.user_id = u.id and ${isWanted}
        ) holdings
      ), '[]') as holdings
    from users u where u.username = $1`
}

// Of many calls at once that see a user first, one makes it and the others change nothing.
const recordSql = `
  with known as (
    select id, email, staff from users where username = $username for update
  ), seen as (
    insert into users as u (username, email, staff)
    select $username, coalesce($email, ''), coalesce($administrator, false)
    from (select count(*) from known) as locked_before
    on conflict (username) do update set
      email = coalesce($email, u.email),
      staff = coalesce($administrator, u.staff),
      updated_at = case
        when u.email = coalesce($email, u.email) and u.staff = coalesce($administrator, u.staff) then u.updated_at
        else now()
      end
    returning id, username, email, staff, xmax = 0 as made
  ), ${recorded('made_put_down', {
    action: 'user.created',
    target: [`'user'`, 'username'],
    after: `jsonb_build_object('email', email, 'staff', staff, 'by', 'token')`,
    from: 'seen where made',
  })}, ${recorded('change_put_down', {
    action: 'user.updated',
    target: [`'user'`, 'username'],
    before: differing('o', 'n'),
    after: `${differing('n', 'o')} || jsonb_build_object('by', 'token')`,
    from: `(
      select s.username, jsonb_build_object('email', k.email, 'staff', k.staff) as o,
        jsonb_build_object('email', s.email, 'staff', s.staff) as n
      from seen s join known k on k.id = s.id) as change where o <> n`,
  })}, ${joinInvitedGroups}
  select from seen`
