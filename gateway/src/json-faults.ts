import { isUtf8 } from 'node:buffer'

/**
 * What Python's parser says about bytes that are not JSON: integrations that were written against the original service may
 * look at the words. Only called for bytes that `JSON.parse` refused.
 */
export function explainJsonFault(bytes: Buffer): string {
  if (!isUtf8(bytes)) return explainUtf8Fault(bytes)
  const text = bytes.toString('utf8')
  if (text.startsWith('\ufeff')) return `Unexpected UTF-8 BOM (decode using utf-8-sig)${placeOf(text, 0)}`
  const fault = new JsonScanner(text).scan()
  return fault.at === undefined ? fault.message : `${fault.message}${placeOf(text, fault.at)}`
}

type Fault = { message: string; at?: number }

// Python counts code points.
function placeOf(text: string, at: number): string {
  const before = Array.from(text.slice(0, at))
  const lineStart = before.lastIndexOf('\n') + 1
  const line = before.filter((char) => char === '\n').length + 1
  return `: line ${line} column ${before.length - lineStart + 1} (char ${before.length})`
}

// Without recursion: a body may be nested as deep as it is long.
class JsonScanner {
  readonly #text: string
  #at = 0
  #isValueNext = true
  readonly #open: ('[' | '{')[] = []

  constructor(text: string) {
    this.#text = text
  }

  scan(): Fault {
    this.#skipSpace()
    for (;;) {
      const fault = this.#isValueNext ? this.#value() : this.#afterValue()
      if (fault !== undefined) return fault
    }
  }

  // Goes to the end of a value, or into an array or object up to its first value.
  #value(): Fault | undefined {
    const char = this.#text[this.#at]
    if (char === '[' || char === '{') {
      this.#at++
      this.#skipSpace()
      this.#open.push(char)
      this.#isValueNext = this.#text[this.#at] !== (char === '[' ? ']' : '}')
      return this.#isValueNext && char === '{' ? this.#key() : undefined
    }
    this.#isValueNext = false
    if (char === '"') return this.#string()
    const constant = /(?:NaN|-?Infinity)/y
    constant.lastIndex = this.#at
    const outOfRange = constant.exec(this.#text)
    if (outOfRange !== null) {
      return { message: `Out of range float values are not JSON compliant: '${outOfRange[0]}'` }
    }
    const plain = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y
    plain.lastIndex = this.#at
    if (!plain.test(this.#text)) return { message: 'Expecting value', at: this.#at }
    this.#at = plain.lastIndex
    return undefined
  }

  // Closes what ends here, and goes up to the next value.
  #afterValue(): Fault | undefined {
    for (;;) {
      this.#skipSpace()
      const open = this.#open.at(-1)
      const char = this.#text[this.#at]
      if (open === undefined) return { message: 'Extra data', at: this.#at }
      if (char === ',') {
        this.#at++
        this.#skipSpace()
        this.#isValueNext = true
        return open === '{' ? this.#key() : undefined
      }
      if (char !== (open === '[' ? ']' : '}')) return { message: "Expecting ',' delimiter", at: this.#at }
      this.#open.pop()
      this.#at++
    }
  }

  #key(): Fault | undefined {
    if (this.#text[this.#at] !== '"') {
      return { message: 'Expecting property name enclosed in double quotes', at: this.#at }
    }
    const fault = this.#string()
    if (fault !== undefined) return fault
    this.#skipSpace()
    if (this.#text[this.#at] !== ':') return { message: "Expecting ':' delimiter", at: this.#at }
    this.#at++
    this.#skipSpace()
    return undefined
  }

  #string(): Fault | undefined {
    const start = this.#at
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a JSON string must not hold
    const ordinary = /[^"\\\u0000-\u001f]*/y
    for (this.#at++; ; ) {
      ordinary.lastIndex = this.#at
      ordinary.test(this.#text)
      this.#at = ordinary.lastIndex
      const char = this.#text[this.#at]
      if (char === undefined) return { message: 'Unterminated string starting at', at: start }
      if (char === '"') {
        this.#at++
        return undefined
      }
      if (char !== '\\') return { message: 'Invalid control character at', at: this.#at }
      const fault = this.#escape(start)
      if (fault !== undefined) return fault
    }
  }

  #escape(start: number): Fault | undefined {
    const kind = this.#text[this.#at + 1]
    if (kind === undefined) return { message: 'Unterminated string starting at', at: start }
    if (kind === 'u') {
      // Python wants to see one more character behind it.
      const digits = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits) || this.#at + 6 >= this.#text.length) {
        return { message: 'Invalid \\uXXXX escape', at: this.#at + 1 }
      }
      this.#at += 6
      return undefined
    }
    if (!'"\\/bfnrt'.includes(kind)) return { message: 'Invalid \\escape', at: this.#at }
    this.#at += 2
    return undefined
  }

  #skipSpace(): void {
    const space = /[ \t\n\r]*/y
    space.lastIndex = this.#at
    space.test(this.#text)
    this.#at = space.lastIndex
  }
}

function explainUtf8Fault(bytes: Buffer): string {
  let start = 0
  while (start < bytes.length) {
    const length = sequenceLengthAt(bytes, start)
    if (length === 0) return codecFault(bytes, start, start, 'invalid start byte')
    for (let next = start + 1; next < start + length; next++) {
      if (next >= bytes.length) return codecFault(bytes, start, bytes.length - 1, 'unexpected end of data')
      if (!continues(bytes, start, next))
        return codecFault(bytes, start, next - 1, 'invalid continuation byte')
    }
    start += length
  }
  return 'the body is not UTF-8'
}

function sequenceLengthAt(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
}

// The second byte is narrower after some first bytes: no overlong forms, no surrogates, nothing above U+10FFFF.
function continues(bytes: Buffer, start: number, at: number): boolean {
  const first = bytes[start] ?? 0
  const byte = bytes[at] ?? 0
  const lowest = at > start + 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const highest = at > start + 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  return byte >= lowest && byte <= highest
}

function codecFault(bytes: Buffer, from: number, to: number, why: string): string {
  const what =
    from === to
      ? `byte 0x${(bytes[from] ?? 0).toString(16).padStart(2, '0')} in position ${from}`
      : `bytes in position ${from}-${to}`
  return `'utf-8' codec can't decode ${what}: ${why}`
}
