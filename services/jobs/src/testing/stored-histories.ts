/**
 * Histories as the replayer takes them, in JSON: bytes as `{ "base64": … }`, 64-bit numbers as numbers. The SDK's own JSON cannot be read
 * where several versions of protobufjs are installed.
 */

/** A history as the client fetches it, as text, without whose machine it was on. */
export function writeHistory(history: unknown): string {
  const text = JSON.stringify(plainOf(history), null, 2)
  // As the formatter has it.
  return `${text.replace(/\[\s+([\d,\s]+?)\s+\]/g, (_, all) => `[${all.split(/,\s*/).join(', ')}]`)}\n`
}

export function readHistory(text: string): unknown {
  return JSON.parse(text, (_, value) =>
    typeof value?.base64 === 'string' ? Buffer.from(value.base64, 'base64') : value,
  )
}

const ofMachine = new Set(['identity', 'stackTrace', 'workerInstanceKey'])

function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(plainOf)
  // The name of a sticky queue begins with the worker's process and machine.
  if (typeof value === 'string') return value.replace(/^\d+@\S+$/, 'sticky')
  if (typeof value !== 'object' || value === null) return value
  if ('low' in value && 'high' in value) return Number(value)
  const entries = Object.entries(value).filter(([name, each]) => !ofMachine.has(name) && each != null)
  return Object.fromEntries(entries.map(([name, each]) => [name, plainOf(each)]))
}
