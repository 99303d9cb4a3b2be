import { literal, Op, QueryTypes, type Sequelize, UniqueConstraintError } from 'sequelize'
import { bindAuthor } from '#kit/audit-statements.ts'
import type { Author } from '#kit/author.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Group, GroupRole } from '../domain/group.ts'
import { recorded, recordGroupEvent } from './audit-store.ts'
import type { GroupRow, Models } from './models.ts'
import { groupNotFound, groupResource } from './subjects.ts'

export type GroupStore = {
  /** ALREADY_EXISTS when the name is taken. */
  create(name: string, role: GroupRole, author: Author): Promise<Group>
  /**
   * Gives a group a name, which may be the one it has, and what `change` makes of its role and resource; nobody else changes the group meanwhile, and an error that
   * `change` throws leaves it as it was. GROUP_NOT_FOUND; ALREADY_EXISTS when the name is another's.
   */
  update(
    name: string,
    newName: string,
    change: (current: GroupRole) => GroupRole,
    author: Author,
  ): Promise<Group>
  /** Removes a group with all that hangs on it. GROUP_NOT_FOUND. */
  delete(name: string, author: Author): Promise<void>
  /** At most `limit` groups by name, ascending; those after a name when one is given. */
  list(limit: number, afterName?: string): Promise<Group[]>
}

export function createGroupStore(database: Sequelize, { groups }: Models): GroupStore {
  return {
    create: (name, role, author) =>
      refusingTakenNames(name, () =>
        database.transaction(async (transaction) => {
          const group = toGroup(await groups.create({ name, ...columnsOf(role) }, { transaction }))
          const event = { action: 'group.created', group: name, resource: group.resource } as const
          await recordGroupEvent(database, { ...event, after: toldOf(group) }, author, transaction)
          return group
        }),
      ),

    update: (name, newName, change, author) =>
      refusingTakenNames(newName, () =>
        database.transaction(async (transaction) => {
          const row = await groups.findOne({
            attributes: { include: [memberCount] },
            where: { name },
            lock: transaction.LOCK.UPDATE,
            transaction,
          })
          if (row === null) throw groupNotFound(name)
          const before = toGroup(row)
          row.set({ name: newName, ...columnsOf(change(roleOf(row))) })
          if (row.changed() === false) return before
          const after = toGroup(await row.set({ updatedAt: new Date() }).save({ transaction }))
          const event = { action: 'group.updated', group: name, resource: after.resource } as const
          const changes = { before: toldOf(before), after: toldOf(after) }
          await recordGroupEvent(database, { ...event, ...changes }, author, transaction)
          return after
        }),
      ),

    async delete(name, author) {
      const bind = { name, ...bindAuthor(author) }
      const deleted = await database.query(deleteSql, { type: QueryTypes.SELECT, bind })
      if (deleted.length === 0) throw groupNotFound(name)
    },

    async list(limit, afterName) {
      const rows = await groups.findAll({
        attributes: { include: [memberCount] },
        where: afterName === undefined ? {} : { name: { [Op.gt]: afterName } },
        order: [['name', 'asc']],
        limit,
      })
      return rows.map(toGroup)
    },
  }
}

async function refusingTakenNames(name: string, write: () => Promise<Group>): Promise<Group> {
  try {
    return await write()
  } catch (error) {
    if (!(error instanceof UniqueConstraintError)) throw error
    throw new DomainError(Reason.ALREADY_EXISTS, `Group ${name} already exists`, { cause: error })
  }
}

const memberCount: [ReturnType<typeof literal>, string] = [
  literal('(select count(*)::int from memberships m where m.group_id = "group".id)'),
  'memberCount',
]

function columnsOf({ role, resource }: GroupRole) {
  return { role: role || null, resourceKind: resource?.kind ?? null, resourceId: resource?.id ?? null }
}

function roleOf({ role, resourceKind, resourceId }: GroupRow): GroupRole {
  if (role === null || resourceKind === null || resourceId === null) return {}
  return { role, resource: { kind: resourceKind, id: resourceId } }
}

/** What the audit trail tells of a group. */
function toldOf({ name, role, resource }: Group) {
  return { name, ...(role !== undefined && { role }), ...(resource && { resource }) }
}

// A group that was just made has no count and no members.
function toGroup(row: GroupRow): Group {
  const { id, name, createdAt, updatedAt } = row
  const { memberCount: counted = 0 } = row.get() as { memberCount?: number }
  return { id, name, ...roleOf(row), memberCount: counted, createdAt, updatedAt }
}

// What hangs on a group goes with it; the trail tells what that was. Invitations are only counted: they name people who may not know.
const deleteSql = `
  with doomed as (
    select id, name, role, resource_kind, resource_id from groups where name = $name for update
  ), deleted as (
    delete from groups using doomed d where groups.id = d.id returning groups.id
  ), ${recorded('put_down', {
    action: 'group.deleted',
    target: [`'group'`, 'd.name'],
    resource: groupResource('d'),
    before: `jsonb_build_object('role', d.role,
      'members', array(
        select u.username from memberships m join users u on u.id = m.user_id
        where m.group_id = d.id order by u.username),
      'permissions', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'permission', g.permission, 'resource_kind', g.resource_kind, 'resource_id', g.resource_id)), '[]')
        from grants g where g.group_id = d.id),
      'flags', array(select f.flag from flag_settings f where f.group_id = d.id order by f.flag),
      'invitations', (select count(*) from invitations i where i.group_id = d.id))`,
    from: 'deleted join doomed d on d.id = deleted.id',
  })}
  select id from deleted`
