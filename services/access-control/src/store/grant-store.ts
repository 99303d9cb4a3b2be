import { QueryTypes, type Sequelize } from 'sequelize'
import { bindAuthor } from '#kit/audit-statements.ts'
import type { Author } from '#kit/author.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Grant } from '../domain/grant.ts'
import { recorded } from './audit-store.ts'
import { bindSubject, subjectCte, subjectNotFound, subjectTarget } from './subjects.ts'

export type GrantStore = {
  /** Nothing happens if it is held already. USER_NOT_FOUND, GROUP_NOT_FOUND. */
  grant(grant: Grant, author: Author): Promise<void>
  /** Takes back exactly that grant. GRANT_NOT_FOUND when there is none, whatever of it is missing. */
  revoke(grant: Grant, author: Author): Promise<void>
}

export function createGrantStore(database: Sequelize): GrantStore {
  return {
    async grant(grant, author) {
      const [row] = await database.query<{ found: boolean }>(grantSql, {
        type: QueryTypes.SELECT,
        bind: { ...bindGrant(grant), ...bindAuthor(author) },
      })
      if (!row?.found) throw subjectNotFound(grant.subject)
    },

    async revoke(grant, author) {
      const [row] = await database.query<{ revoked: boolean }>(revokeSql, {
        type: QueryTypes.SELECT,
        bind: { ...bindGrant(grant), ...bindAuthor(author) },
      })
      if (!row?.revoked) throw new DomainError(Reason.GRANT_NOT_FOUND, 'There is no such grant')
    },
  }
}

function bindGrant({ permission, subject, resource }: Grant) {
  return {
    ...bindSubject(subject),
    permission,
    resourceKind: resource?.kind ?? null,
    resourceId: resource?.id ?? null,
  }
}

const permissionTold = `jsonb_build_object('permission', permission)`

const grantSql = `
  with ${subjectCte}, granted as (
    insert into grants (user_id, group_id, permission, resource_kind, resource_id)
    select user_id, group_id, $permission::text, $resourceKind::text, $resourceId::uuid from subject
    on conflict do nothing returning permission, resource_kind, resource_id
  ), ${recorded('put_down', {
    action: 'permission.granted',
    target: subjectTarget,
    resource: ['resource_kind', 'resource_id'],
    after: permissionTold,
    from: 'granted',
  })}
  select exists (select from subject) as found`

const revokeSql = `
  with ${subjectCte}, revoked as (
    delete from grants g using subject s
    where (g.user_id = s.user_id or g.group_id = s.group_id) and g.permission = $permission
      and g.resource_kind is not distinct from $resourceKind and g.resource_id is not distinct from $resourceId::uuid
    returning g.permission, g.resource_kind, g.resource_id
  ), ${recorded('put_down', {
    action: 'permission.revoked',
    target: subjectTarget,
    resource: ['resource_kind', 'resource_id'],
    before: permissionTold,
    from: 'revoked',
  })}
  select exists (select from revoked) as revoked`
