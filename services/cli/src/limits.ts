import { InvalidArgumentError } from 'commander'

/** How many things a command tells at most. */
export function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 9999999.')
  return Number(text)
}
