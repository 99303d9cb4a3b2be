import Type, { type TUnsafe } from 'typebox'

/** A text or null, in the one form that the serializer compiles to plain code. */
export function nullableText(options: Record<string, unknown> = {}): TUnsafe<string | null> {
  return Type.Unsafe<string | null>({ type: ['string', 'null'], ...options })
}
