/** A text as part of a URL, as Django makes it: ASCII letters and digits in lower case, `_`, and `-` between words. */
export function slugify(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/[^\x20-\x7e\s]/g, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_\s-]/g, '')
    .replaceAll(/[-\s]+/g, '-')
    .replaceAll(/^[-_]+|[-_]+$/g, '')
}

/** The longest key that a synchronised program gets: the names of groups that hold it have to fit into 150 characters. */
const longestSyncedKey = 100

/** The key that a program gets when it is taken over: its marketing slug's last part. Empty when that leaves nothing. */
export function syncedKeyOf(marketingSlug: string): string {
  return slugify(marketingSlug.split('/').at(-1) ?? '').slice(0, longestSyncedKey)
}
