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
