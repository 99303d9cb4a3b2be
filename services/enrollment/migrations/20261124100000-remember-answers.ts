import type { Migration } from '#kit/migrate.ts'

// Answers to writes that came with an idempotency key, for 24 hours. Without an answer it is a claim: somebody is doing the work, as
// long as `touched_at` is not a minute old. The answer names learners, as the history does.
const rememberedAnswers = `
  create table remembered_answers (
    caller_kind text not null check (caller_kind in ('user', 'service')),
    caller text not null,
    method text not null,
    idempotency_key text collate "C" not null,
    fingerprint bytea not null,
    claim uuid not null,
    answer bytea,
    touched_at timestamptz not null default clock_timestamp(),
    primary key (caller_kind, caller, method, idempotency_key),
    constraint remembered_answers_claim unique (claim)
  )`

export const up: Migration['up'] = async (sql) => {
  await sql(rememberedAnswers)
  await sql('create index remembered_answers_oldest on remembered_answers (touched_at)')
}
