/** S3 takes no smaller part, save the last one. */
export const minimumPartBytes = 5 * 1_048_576
/** Copied at once on the server's side: several go on beside each other, and none takes long. */
export const maximumCopyBytes = 64 * 1_048_576

/** Bytes of one of the objects to join: from `start` up to, not including, `end`. */
export type Piece = { source: number; start: number; end: number }

/** A part of the joined object: copied on the server's side, or put together here of pieces that are too small for that. */
export type JoinPart = { copy: Piece } | { pieces: Piece[] }

/**
 * How objects of some sizes, in bytes, are laid end to end in parts: all but the last have at least the minimum, those put together
 * here less than twice that.
 */
export function planJoin(sizes: readonly number[]): JoinPart[] {
  const parts: JoinPart[] = []
  let pieces: Piece[] = []
  let waiting = 0
  for (const [source, size] of sizes.entries()) {
    let start = 0
    if (waiting > 0) {
      // Too little for a part so far: the next object lends what is missing.
      start = Math.min(size, minimumPartBytes - waiting)
      if (start > 0) pieces.push({ source, start: 0, end: start })
      waiting += start
      if (waiting === minimumPartBytes) {
        parts.push({ pieces })
        pieces = []
        waiting = 0
      }
    }
    const left = size - start
    if (left >= minimumPartBytes) parts.push(...copiesOf(source, start, size))
    else if (left > 0) {
      pieces = [{ source, start, end: size }]
      waiting = left
    }
  }
  if (waiting > 0) parts.push({ pieces })
  return parts
}

function copiesOf(source: number, start: number, end: number): JoinPart[] {
  const count = Math.ceil((end - start) / maximumCopyBytes)
  const length = Math.ceil((end - start) / count)
  return Array.from({ length: count }, (_, index) => {
    const from = start + index * length
    return { copy: { source, start: from, end: Math.min(end, from + length) } }
  })
}
