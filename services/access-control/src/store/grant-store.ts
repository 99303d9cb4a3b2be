import { QueryTypes, type Sequelize } from 'sequelize'
import { DomainError, Reason } from '#kit/errors.ts'
import type { Grant } from '../domain/grant.ts'
import { bindSubject, subjectCte, subjectNotFound } from './subjects.ts'

export type GrantStore = {
  /** Nothing happens if it is held already. USER_NOT_FOUND, GROUP_NOT_FOUND. */
  grant(grant: Grant): Promise<void>
  /** Takes back exactly that grant. GRANT_NOT_FOUND when there is none, whatever of it is missing. */
  revoke(grant: Grant): Promise<void>
}

export function createGrantStore(database: Sequelize): GrantStore {
  return {
    async grant(grant) {
      const [row] = await database.query<{ found: boolean }>(grantSql, {
        type: QueryTypes.SELECT,
        bind: bindGrant(grant),
      })
      if (!row?.found) throw subjectNotFound(grant.subject)
    },

    async revoke(grant) {
      const [row] = await database.query<{ revoked: boolean }>(revokeSql, {
        type: QueryTypes.SELECT,
        bind: bindGrant(grant),
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

const grantSql = `
  with ${subjectCte}, granted as (
    insert into grants (user_id, group_id, permission, resource_kind, resource_id)
    select user_id, group_id, $permission::text, $resourceKind::text, $resourceId::uuid from subject
    on conflict do nothing
  )
  select exists (select from subject) as found`

const revokeSql = `
  with ${subjectCte}, revoked as (
    delete from grants g using subject s
    where (g.user_id = s.user_id or g.group_id = s.group_id) and g.permission = $permission
      and g.resource_kind is not distinct from $resourceKind and g.resource_id is not distinct from $resourceId::uuid
    returning 1
  )
  select exists (select from revoked) as revoked`
