/** What is known of the details as copies of what Discovery told: when it told, when it was last asked in vain, who is asking. */
export async function up(sql: (text: string) => Promise<void>): Promise<void> {
  // fetched_at: null when Discovery has never told: the details, if any, were typed in. '-infinity' when it has, but the copy was
  // flushed: it only stands in for what Discovery cannot tell just now.
  // failed_at, failure: the last attempt, if it failed: 'missing' when Discovery has no such program, else 'failed'.
  // claim, claimed_until: the attempt under way, so that of all processes one asks; it is over then even if its process was killed.
  await sql(`
    alter table program_details
      add column fetched_at timestamptz,
      add column failed_at timestamptz,
      add column failure text,
      add column claim uuid,
      add column claimed_until timestamptz`)
}
