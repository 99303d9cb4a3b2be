/** The span in which a job was asked for, as `traceparent` tells it; null when that was not traced. Its workflow goes on from there. */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  await sql('alter table jobs add column traceparent text')
}
