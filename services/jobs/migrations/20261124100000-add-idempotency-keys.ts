/** Uploads that came with an idempotency key: one job for each key of an owner, whatever comes at the same instant. */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql(`
    alter table jobs
      add column idempotency_key text collate "C",
      add column request_fingerprint bytea,
      add constraint jobs_key_with_fingerprint
        check ((idempotency_key is null) = (request_fingerprint is null))
  `)
  await sql(`
    create unique index jobs_one_for_each_key on jobs (owner_id, idempotency_key)
    where idempotency_key is not null
  `)
}
