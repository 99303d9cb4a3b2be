import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type JoinPart, maximumCopyBytes, minimumPartBytes, type Piece, planJoin } from './join-plan.ts'

const MiB = 1_048_576
const piecesOf = (part: JoinPart): Piece[] => ('copy' in part ? [part.copy] : part.pieces)
const bytesOf = (pieces: Piece[]) => pieces.reduce((sum, { start, end }) => sum + end - start, 0)

test('parts laid end to end are the objects laid end to end, and S3 takes each', () => {
  const size = fc.oneof(
    fc.nat(3),
    fc.nat(2 * minimumPartBytes),
    fc.integer({ min: minimumPartBytes - 2, max: minimumPartBytes + 2 }),
    fc.nat(3 * maximumCopyBytes),
  )
  fc.assert(
    fc.property(fc.array(size, { maxLength: 30 }), (sizes) => {
      const parts = planJoin(sizes)
      const places = sizes.map(() => 0)
      let current = 0
      for (const { source, start, end } of parts.flatMap(piecesOf)) {
        expect(end).toBeGreaterThan(start)
        expect(source).toBeGreaterThanOrEqual(current)
        expect(start).toBe(places[source])
        current = source
        places[source] = end
      }
      expect(places).toEqual(sizes)
      for (const [index, part] of parts.entries()) {
        const bytes = bytesOf(piecesOf(part))
        if (index < parts.length - 1) expect(bytes).toBeGreaterThanOrEqual(minimumPartBytes)
        if ('copy' in part) expect(bytes).toBeLessThanOrEqual(maximumCopyBytes)
        else expect(bytes).toBeLessThan(2 * minimumPartBytes)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('what is large enough is copied, what is too small borrows from its neighbour', () => {
  expect(planJoin([6 * MiB, 7 * MiB])).toEqual([
    { copy: { source: 0, start: 0, end: 6 * MiB } },
    { copy: { source: 1, start: 0, end: 7 * MiB } },
  ])
  expect(planJoin([MiB, 10 * MiB])).toEqual([
    {
      pieces: [
        { source: 0, start: 0, end: MiB },
        { source: 1, start: 0, end: 4 * MiB },
      ],
    },
    { copy: { source: 1, start: 4 * MiB, end: 10 * MiB } },
  ])
  expect(planJoin([])).toEqual([])
  expect(planJoin([0, 0])).toEqual([])
})
