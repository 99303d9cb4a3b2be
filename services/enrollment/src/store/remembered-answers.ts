import { type BindOrReplacements, QueryTypes, type Sequelize } from 'sequelize'
import {
  type AnswerStore,
  abandonedAfterSeconds,
  type ClaimResult,
  type KeyedRequest,
  keptSeconds,
} from '#kit/idempotency.ts'

/** Keeps answers in `remembered_answers`. Each one that is kept takes away some that are a day old. */
export function createAnswerStore(database: Sequelize): AnswerStore {
  const run = async (statement: string, bind: BindOrReplacements) => {
    await database.query(statement, { bind, type: QueryTypes.RAW })
  }
  return {
    async claim(request, claim) {
      const rows = await database.query<ClaimRow>(claimStatement, {
        bind: { ...bindRequest(request), claim },
        type: QueryTypes.SELECT,
      })
      return readResult(rows[0])
    },
    renew: (claim) => run(renewStatement, { claim }),
    keep: (claim, answer) => run(keepStatement, { claim, answer: Buffer.from(answer) }),
    release: (claim) => run(releaseStatement, { claim }),
  }
}

type ClaimRow = { is_mine: boolean; is_same: boolean; answer: Buffer | null }

function bindRequest({ callerKind, caller, method, key, fingerprint }: KeyedRequest) {
  return { callerKind, caller, method, key, fingerprint }
}

function readResult(row: ClaimRow | undefined): ClaimResult {
  // A rival whose claim came after this statement began to look.
  if (row === undefined) return { state: 'in-use' }
  if (row.is_mine) return { state: 'claimed' }
  if (!row.is_same) return { state: 'other-request' }
  return row.answer === null ? { state: 'in-use' } : { state: 'answered', answer: row.answer }
}

const isExpired = `touched_at < clock_timestamp() - interval '${keptSeconds} seconds'`
const isAbandoned = `touched_at < clock_timestamp() - interval '${abandonedAfterSeconds} seconds'`

const claimStatement = `
  with taken as (
    insert into remembered_answers as r (caller_kind, caller, method, idempotency_key, fingerprint, claim)
    values ($callerKind::text, $caller::text, $method::text, $key::text, $fingerprint::bytea, $claim::uuid)
    on conflict (caller_kind, caller, method, idempotency_key) do update
    set fingerprint = excluded.fingerprint, claim = excluded.claim, answer = null, touched_at = clock_timestamp()
    where r.${isExpired}
      or (r.answer is null and r.fingerprint = excluded.fingerprint and r.${isAbandoned})
    returning true)
  select true as is_mine, true as is_same, null::bytea as answer from taken
  union all
  select false, fingerprint = $fingerprint::bytea, case when fingerprint = $fingerprint::bytea then answer end
  from remembered_answers
  where caller_kind = $callerKind::text and caller = $caller::text and method = $method::text
    and idempotency_key = $key::text and not exists (select from taken)`

const renewStatement =
  'update remembered_answers set touched_at = clock_timestamp() where claim = $claim::uuid'

const keepStatement = `
  with expired as (
    delete from remembered_answers where ctid = any (array(
      select ctid from remembered_answers where ${isExpired} order by touched_at limit 100 for update skip locked)))
  update remembered_answers set answer = $answer::bytea, touched_at = clock_timestamp() where claim = $claim::uuid`

const releaseStatement = 'delete from remembered_answers where claim = $claim::uuid and answer is null'
