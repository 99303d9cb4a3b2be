import { QueryTypes, type Sequelize } from 'sequelize'
import { bindAuthor } from '#kit/audit-statements.ts'
import type { Author } from '#kit/author.ts'
import type { FlagSetting } from '../domain/flags.ts'
import { recorded } from './audit-store.ts'
import { bindSubject, subjectCte, subjectNotFound, subjectTarget } from './subjects.ts'

export type FlagStore = {
  /** Turns a flag on or off for one subject; nothing happens if it is so already. USER_NOT_FOUND, GROUP_NOT_FOUND. */
  set(setting: FlagSetting, author: Author): Promise<void>
}

export function createFlagStore(database: Sequelize): FlagStore {
  return {
    async set({ flag, subject, enabled }, author) {
      const [row] = await database.query<{ found: boolean }>(enabled ? onSql : offSql, {
        type: QueryTypes.SELECT,
        bind: { ...bindSubject(subject), flag, ...bindAuthor(author) },
      })
      if (!row?.found) throw subjectNotFound(subject)
    },
  }
}

const onSql = `
  with ${subjectCte}, turned as (
    insert into flag_settings (flag, user_id, group_id) select $flag::text, user_id, group_id from subject
    on conflict do nothing returning flag
  ), ${recorded('put_down', {
    action: 'flag.enabled',
    target: subjectTarget,
    after: `jsonb_build_object('flag', flag)`,
    from: 'turned',
  })}
  select exists (select from subject) as found`

const offSql = `
  with ${subjectCte}, turned as (
    delete from flag_settings f using subject s
    where f.flag = $flag and (f.user_id, f.group_id) is not distinct from (s.user_id, s.group_id)
    returning f.flag
  ), ${recorded('put_down', {
    action: 'flag.disabled',
    target: subjectTarget,
    before: `jsonb_build_object('flag', flag)`,
    from: 'turned',
  })}
  select exists (select from subject) as found`
