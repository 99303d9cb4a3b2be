/** Which run of its workflow ended a job; null when it was ended for good. A later run, made by a reset in Temporal, opens it again. */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql('alter table jobs add column ended_run_id uuid')
}
