import { DomainError, Reason } from '#kit/errors.ts'
import type { FlagSubject } from '../domain/flags.ts'

/**
 * The common table expression `subject (user_id, group_id)`: the one row that a statement is about, found by name and kept from
 * being removed meanwhile; no row when there is none of that name; a row of nulls for everyone. Takes the binds of `bindSubject`.
 */
export const subjectCte = `
  subject as (
    select id as user_id, null::uuid as group_id
    from (select id from users where username = $username for key share) as user_named
    union all
    select null, id from (select id from groups where name = $groupName for key share) as group_named
    union all
    select null, null where $everyone::boolean
  )`

/** The resource of a group, as `recorded` takes it. */
export function groupResource(group: string): readonly [kind: string, id: string] {
  return [`${group}.resource_kind`, `${group}.resource_id`]
}

/** What is told of a membership: who, and whether by an operator's call or by an invitation. */
export function memberOf(username: string, by: 'call' | 'invitation'): string {
  return `jsonb_build_object('member', ${username}, 'by', '${by}')`
}

/** Kind and name of the subject that a statement is about, for the audit trail. Takes the binds of `bindSubject`. */
export const subjectTarget = [
  `case when $everyone::boolean then 'everyone' when $username::text is null then 'group' else 'user' end`,
  `coalesce($username, $groupName, 'everyone')`,
] as const

export function bindSubject(subject: FlagSubject) {
  return {
    username: subject.kind === 'user' ? subject.username : null,
    groupName: subject.kind === 'group' ? subject.name : null,
    everyone: subject.kind === 'everyone',
  }
}

export function subjectNotFound(subject: FlagSubject): DomainError {
  return subject.kind === 'user'
    ? userNotFound(subject.username)
    : groupNotFound(subject.kind === 'group' ? subject.name : '')
}

export function userNotFound(username: string): DomainError {
  return new DomainError(Reason.USER_NOT_FOUND, `User ${username} does not exist`)
}

export function groupNotFound(name: string): DomainError {
  return new DomainError(Reason.GROUP_NOT_FOUND, `Group ${name} does not exist`)
}
