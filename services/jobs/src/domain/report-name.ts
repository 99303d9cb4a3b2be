/**
 * The day (`YYYY-MM-DD`) that a report's file name tells: the last `__` that is followed by the numbers of a real date.
 * Undefined when there is none.
 */
export function createdDateOf(fileName: string): string | undefined {
  const dates = [...fileName.matchAll(/__(\d+)-(\d+)-(\d+)/g)].map(([, year, month, day]) =>
    dateOf(Number(year), Number(month), Number(day)),
  )
  return dates.findLast((date) => date !== undefined)
}

/** Whether a text is a day in the form `YYYY-MM-DD`. */
export function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []
  return day !== undefined && dateOf(Number(year), Number(month), Number(day)) === text
}

function dateOf(year: number, month: number, day: number): string | undefined {
  if (year < 1 || year > 9999) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  return date.toISOString().slice(0, 10)
}
