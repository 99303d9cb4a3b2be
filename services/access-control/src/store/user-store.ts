import { QueryTypes, type Sequelize } from 'sequelize'
import { bindAuthor } from '#kit/audit-statements.ts'
import type { Author } from '#kit/author.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import type { NewUser, User, UserChanges } from '../domain/user.ts'
import { differing, recorded } from './audit-store.ts'
import { joinInvitedGroups } from './join-invited-groups.ts'
import type { Models, UserRow } from './models.ts'
import { userNotFound } from './subjects.ts'

export type UserStore = {
  /** Makes a user in its groups, or nothing at all. ALREADY_EXISTS, GROUP_NOT_FOUND. */
  create(user: NewUser, author: Author): Promise<User>
  /** Changes a user; a new address takes up the invitations that wait for it. USER_NOT_FOUND. */
  update(username: string, changes: UserChanges, author: Author): Promise<User>
  /** A user with the names of its groups, ascending. USER_NOT_FOUND. */
  get(username: string): Promise<{ user: User; groupNames: string[] }>
}

export function createUserStore(database: Sequelize, { users, groups }: Models): UserStore {
  return {
    async create({ groupNames, ...user }, author) {
      const bind = { ...user, groupNames, ...bindAuthor(author) }
      const [row] = await database.query<CreatedRow>(createSql, { type: QueryTypes.SELECT, bind })
      const missing = groupNames.find((name) => !row?.groupNames.includes(name))
      if (missing !== undefined) {
        throw new DomainError(Reason.GROUP_NOT_FOUND, `Group ${missing} does not exist`)
      }
      if (row === undefined || row.id === null) {
        throw new DomainError(Reason.ALREADY_EXISTS, `User ${user.username} already exists`)
      }
      return toUser(row)
    },

    async update(username, { email = null, active = null, staff = null, superuser = null }, author) {
      const bind = { username, email, active, staff, superuser, ...bindAuthor(author) }
      const [row] = await database.query<User>(updateSql, { type: QueryTypes.SELECT, bind })
      if (row === undefined) throw userNotFound(username)
      return toUser(row)
    },

    async get(username) {
      const row = await users.findOne({
        where: { username },
        include: { model: groups, as: 'groups', attributes: ['name'], through: { attributes: [] } },
        order: [['groups', 'name', 'asc']],
      })
      if (row === null) throw userNotFound(username)
      return { user: toUser(row), groupNames: (row.groups ?? []).map(({ name }) => name) }
    },
  }
}

function toUser({
  id,
  username,
  email,
  active,
  staff,
  superuser,
  createdAt,
  updatedAt,
}: User | UserRow): User {
  return { id, username, email, active, staff, superuser, createdAt, updatedAt }
}

type CreatedRow = User & { id: string | null; groupNames: string[] }

const stored = 'id, username, email, active, staff, superuser, created_at, updated_at'
const told =
  'id, username, email, active, staff, superuser, created_at as "createdAt", updated_at as "updatedAt"'

// One row always comes back: without an id when the user was not made, with the names of the groups that exist.
const createSql = `
  with named as (
    select id, name from groups where name = any($groupNames::text[]) order by id for key share
  ), seen as (
    insert into users (username, email, staff, superuser)
    select $username::text, $email::text, $staff::boolean, $superuser::boolean
    where (select count(*) from named) = cardinality($groupNames::text[])
    on conflict (username) do nothing
    returning ${stored}
  ), enrolled as (
    insert into memberships (user_id, group_id) select seen.id, named.id from seen, named on conflict do nothing
  ), ${recorded('put_down', {
    action: 'user.created',
    target: [`'user'`, 'username'],
    after: `jsonb_build_object('email', email, 'staff', staff, 'superuser', superuser, 'groups', $groupNames::text[])`,
    from: 'seen',
  })}, ${joinInvitedGroups}
  select ${told}, array(select name from named) as "groupNames" from (select) as always left join seen on true`

function state(user: string): string {
  const fields = ['email', 'active', 'staff', 'superuser'].map((name) => `'${name}', ${user}.${name}`)
  return `jsonb_build_object(${fields.join(', ')})`
}

const updateSql = `
  with known as (
    select id, ${state('k')} as state from users k where username = $username for update
  ), seen as (
    update users u set
      email = coalesce($email, u.email),
      active = coalesce($active, u.active),
      staff = coalesce($staff, u.staff),
      superuser = coalesce($superuser, u.superuser),
      updated_at = case
        when u.email = coalesce($email, u.email) and u.active = coalesce($active, u.active)
          and u.staff = coalesce($staff, u.staff) and u.superuser = coalesce($superuser, u.superuser) then u.updated_at
        else now()
      end
    from known where u.id = known.id
    returning ${stored.replaceAll(/\w+/g, 'u.$&')}
  ), ${recorded('put_down', {
    action: 'user.updated',
    target: [`'user'`, 'username'],
    before: differing('o', 'n'),
    after: differing('n', 'o'),
    from: `(
      select s.username, k.state as o, ${state('s')} as n from seen s join known k on k.id = s.id) as change where o <> n`,
  })}, ${joinInvitedGroups}
  select ${told} from seen`
