/** How many rows went well and how many did not. */
export type Tally = { good: number; bad: number }

/** What came of a grades or upload job, in the numbers that HTTP has for it. */
export function outcomeOf({ good, bad }: Tally): '200' | '207' | '422' | '204' {
  if (good > 0) return bad > 0 ? '207' : '200'
  return bad > 0 ? '422' : '204'
}
