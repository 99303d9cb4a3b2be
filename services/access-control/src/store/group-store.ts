import { literal, Op, type Sequelize, UniqueConstraintError } from 'sequelize'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Group, GroupRole } from '../domain/group.ts'
import type { GroupRow, Models } from './models.ts'
import { groupNotFound } from './subjects.ts'

export type GroupStore = {
  /** ALREADY_EXISTS when the name is taken. */
  create(name: string, role: GroupRole): Promise<Group>
  /**
   * Gives a group a name, which may be the one it has, and what `change` makes of its role and resource; nobody else changes the group meanwhile, and an error that
   * `change` throws leaves it as it was. GROUP_NOT_FOUND; ALREADY_EXISTS when the name is another's.
   */
  update(name: string, newName: string, change: (current: GroupRole) => GroupRole): Promise<Group>
  /** Removes a group with all that hangs on it. GROUP_NOT_FOUND. */
  delete(name: string): Promise<void>
  /** At most `limit` groups by name, ascending; those after a name when one is given. */
  list(limit: number, afterName?: string): Promise<Group[]>
}

export function createGroupStore(database: Sequelize, { groups }: Models): GroupStore {
  return {
    async create(name, role) {
      return refusingTakenNames(name, async () => toGroup(await groups.create({ name, ...columnsOf(role) })))
    },

    update: (name, newName, change) =>
      refusingTakenNames(newName, () =>
        database.transaction(async (transaction) => {
          const row = await groups.findOne({
            attributes: { include: [memberCount] },
            where: { name },
            lock: transaction.LOCK.UPDATE,
            transaction,
          })
          if (row === null) throw groupNotFound(name)
          row.set({ name: newName, ...columnsOf(change(roleOf(row))) })
          if (row.changed() !== false) await row.set({ updatedAt: new Date() }).save({ transaction })
          return toGroup(row)
        }),
      ),

    async delete(name) {
      if ((await groups.destroy({ where: { name } })) === 0) throw groupNotFound(name)
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

// A group that was just made has no count and no members.
function toGroup(row: GroupRow): Group {
  const { id, name, createdAt, updatedAt } = row
  const { memberCount: counted = 0 } = row.get() as { memberCount?: number }
  return { id, name, ...roleOf(row), memberCount: counted, createdAt, updatedAt }
}
