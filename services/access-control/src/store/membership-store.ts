import { QueryTypes, type Sequelize } from 'sequelize'
import { bindAuthor } from '#kit/audit-statements.ts'
import type { Author } from '#kit/author.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { recorded } from './audit-store.ts'
import { groupNotFound, groupResource, memberOf, userNotFound } from './subjects.ts'

export type MembershipStore = {
  /** Nothing happens if the user is in the group. USER_NOT_FOUND, GROUP_NOT_FOUND. */
  add(username: string, groupName: string, author: Author): Promise<void>
  /** USER_NOT_FOUND, GROUP_NOT_FOUND; GRANT_NOT_FOUND when not a member. */
  remove(username: string, groupName: string, author: Author): Promise<void>
  /**
   * Makes members of all users with exactly this address; true then. Without one the invitation waits; nothing happens if it
   * waits already. GROUP_NOT_FOUND.
   */
  invite(email: string, groupName: string, author: Author): Promise<boolean>
}

export function createMembershipStore(database: Sequelize): MembershipStore {
  return {
    async add(username, groupName, author) {
      const bind = { username, groupName, ...bindAuthor(author) }
      refuseMissing(await database.query<Found>(addSql, { type: QueryTypes.SELECT, bind }), bind)
    },

    async remove(username, groupName, author) {
      const bind = { username, groupName, ...bindAuthor(author) }
      const rows = await database.query<Found & { removed: boolean }>(removeSql, {
        type: QueryTypes.SELECT,
        bind,
      })
      refuseMissing(rows, bind)
      if (!rows[0]?.removed) {
        throw new DomainError(Reason.GRANT_NOT_FOUND, `User ${username} is not in group ${groupName}`)
      }
    },

    async invite(email, groupName, author) {
      const [row] = await database.query<{ foundGroup: boolean; joined: boolean }>(inviteSql, {
        type: QueryTypes.SELECT,
        bind: { email, groupName, ...bindAuthor(author) },
      })
      if (!row?.foundGroup) throw groupNotFound(groupName)
      return row.joined
    },
  }
}

type Found = { foundUser: boolean; foundGroup: boolean }

function refuseMissing(
  rows: Found[],
  { username, groupName }: { username: string; groupName: string },
): void {
  if (!rows[0]?.foundUser) throw userNotFound(username)
  if (!rows[0].foundGroup) throw groupNotFound(groupName)
}

// Locked, so that neither is removed before the membership is there.
const bothCtes = `
  named_user as (select id, username from users where username = $username for key share),
  named_group as (
    select id, name, resource_kind, resource_id from groups where name = $groupName for key share)`

const found = `
  exists (select from named_user) as "foundUser", exists (select from named_group) as "foundGroup"`

const inGroup = [`'group'`, 'g.name'] as const

const addSql = `
  with ${bothCtes}, added as (
    insert into memberships (user_id, group_id) select u.id, g.id from named_user u, named_group g
    on conflict do nothing returning user_id
  ), ${recorded('put_down', {
    action: 'member.added',
    target: inGroup,
    resource: groupResource('g'),
    after: memberOf('u.username', 'call'),
    from: 'added, named_user u, named_group g',
  })}
  select ${found}`

const removeSql = `
  with ${bothCtes}, removed as (
    delete from memberships m using named_user u, named_group g where m.user_id = u.id and m.group_id = g.id
    returning 1
  ), ${recorded('put_down', {
    action: 'member.removed',
    target: inGroup,
    resource: groupResource('g'),
    before: `jsonb_build_object('member', u.username)`,
    from: 'removed, named_user u, named_group g',
  })}
  select ${found}, exists (select from removed) as removed`

const inviteSql = `
  with named_group as (
    select id, name, resource_kind, resource_id from groups where name = $groupName for key share
  ), addressed as (
    select id, username from users where email = $email
  ), joined as (
    insert into memberships (user_id, group_id) select u.id, g.id from addressed u, named_group g
    on conflict do nothing returning user_id
  ), ${recorded('joining_put_down', {
    action: 'member.added',
    target: inGroup,
    resource: groupResource('g'),
    after: memberOf('u.username', 'invitation'),
    from: 'joined j join addressed u on u.id = j.user_id, named_group g',
  })}, waiting as (
    insert into invitations (email, group_id) select $email::text, id from named_group
    where not exists (select from addressed)
    on conflict do nothing returning email
  ), ${recorded('waiting_put_down', {
    action: 'member.invited',
    target: inGroup,
    resource: groupResource('g'),
    after: `jsonb_build_object('email', w.email)`,
    from: 'waiting w, named_group g',
  })}
  select exists (select from named_group) as "foundGroup", exists (select from addressed) as joined`
