/**
 * The strings, ascending by code point.
 *
 * JavaScript compares UTF-16 units, which puts what is beyond U+FFFF before U+E000; where nothing is, its own order is the same
 * and several times as fast.
 */
export function sortByCodePoint(values: readonly string[]): string[] {
  return values.some((value) => surrogate.test(value)) ? values.toSorted(compare) : values.toSorted()
}

const surrogate = /[\ud800-\udfff]/

function compare(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  if (at === length) return a.length - b.length
  return rank(a.charCodeAt(at)) - rank(b.charCodeAt(at))
}

// Where the first units differ, a surrogate stands for a code point above every other unit.
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
