import { QueryTypes, type Sequelize } from 'sequelize'
import { DomainError, Reason } from '#kit/errors.ts'
import { groupNotFound, userNotFound } from './subjects.ts'

export type MembershipStore = {
  /** Nothing happens if the user is in the group. USER_NOT_FOUND, GROUP_NOT_FOUND. */
  add(username: string, groupName: string): Promise<void>
  /** USER_NOT_FOUND, GROUP_NOT_FOUND; GRANT_NOT_FOUND when not a member. */
  remove(username: string, groupName: string): Promise<void>
  /**
   * Makes members of all users with exactly this address; true then. Without one the invitation waits; nothing happens if it
   * waits already. GROUP_NOT_FOUND.
   */
  invite(email: string, groupName: string): Promise<boolean>
}

export function createMembershipStore(database: Sequelize): MembershipStore {
  return {
    async add(username, groupName) {
      const bind = { username, groupName }
      refuseMissing(await database.query<Found>(addSql, { type: QueryTypes.SELECT, bind }), bind)
    },

    async remove(username, groupName) {
      const bind = { username, groupName }
      const rows = await database.query<Found & { removed: boolean }>(removeSql, {
        type: QueryTypes.SELECT,
        bind,
      })
      refuseMissing(rows, bind)
      if (!rows[0]?.removed) {
        throw new DomainError(Reason.GRANT_NOT_FOUND, `User ${username} is not in group ${groupName}`)
      }
    },

    async invite(email, groupName) {
      const [row] = await database.query<{ foundGroup: boolean; joined: boolean }>(inviteSql, {
        type: QueryTypes.SELECT,
        bind: { email, groupName },
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
  named_user as (select id from users where username = $username for key share),
  named_group as (select id from groups where name = $groupName for key share)`

const found = `
  exists (select from named_user) as "foundUser", exists (select from named_group) as "foundGroup"`

const addSql = `
  with ${bothCtes}, added as (
    insert into memberships (user_id, group_id) select u.id, g.id from named_user u, named_group g
    on conflict do nothing
  )
  select ${found}`

const removeSql = `
  with ${bothCtes}, removed as (
    delete from memberships m using named_user u, named_group g where m.user_id = u.id and m.group_id = g.id
    returning 1
  )
  select ${found}, exists (select from removed) as removed`

const inviteSql = `
  with named_group as (
    select id from groups where name = $groupName for key share
  ), addressed as (
    select id from users where email = $email
  ), joined as (
    insert into memberships (user_id, group_id) select u.id, g.id from addressed u, named_group g
    on conflict do nothing
  ), waiting as (
    insert into invitations (email, group_id) select $email::text, id from named_group
    where not exists (select from addressed)
    on conflict do nothing
  )
  select exists (select from named_group) as "foundGroup", exists (select from addressed) as joined`
