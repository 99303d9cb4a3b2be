import { UsageError } from './refusal.ts'

const unitSeconds: Record<string, number> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 }
const maximumSeconds = 36_500 * 86_400

/** Seconds that a text such as `90`, `90s`, `15m`, `12h` or `30d` means; 1 second to 36,500 days. */
export function parseDuration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,10})([smhd]?)$/.exec(text) ?? []
  const seconds = Number(count) * (unitSeconds[unit] ?? 0)
  if (seconds < 1 || seconds > maximumSeconds) {
    throw new UsageError(`${text} is not a duration: write 90s, 15m, 12h or 30d.`)
  }
  return seconds
}
