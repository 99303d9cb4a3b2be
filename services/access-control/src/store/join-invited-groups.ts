import { recorded } from './audit-store.ts'
import { groupResource, memberOf } from './subjects.ts'

/**
 * The common table expressions that turn invitations into memberships for the user in `seen (id, username, email)`, which the
 * statement defines before them, and put them down.
 *
 * Groups are locked first: a group that is removed meanwhile is left out instead of breaking the statement, and whoever removes it
 * waits for no invitation that is held here. Of two users with one address the first to get here has the membership.
 */
export const joinInvitedGroups = `
  awaiting as (
    select s.id as user_id, i.email, g.id as group_id
    from seen s join invitations i on i.email = s.email join groups g on g.id = i.group_id
    order by g.id for key share of g
  ), claimed as (
    delete from invitations i using awaiting a where i.email = a.email and i.group_id = a.group_id
    returning a.user_id, a.group_id
  ), joined as (
    insert into memberships (user_id, group_id) select user_id, group_id from claimed on conflict do nothing
    returning user_id, group_id
  ), ${recorded('joined_put_down', {
    action: 'member.added',
    target: [`'group'`, 'g.name'],
    resource: groupResource('g'),
    after: memberOf('s.username', 'invitation'),
    from: 'joined j join seen s on s.id = j.user_id join groups g on g.id = j.group_id',
  })}`
