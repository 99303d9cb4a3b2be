import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '#kit/audit-events.ts'
import type { AuditedRow } from '../domain/audited-row.ts'
import { type BackendUnderTest, createDriver, type Places } from './backend-driver.ts'

// An LMS does not say what there was before: `accepted` is what it did.
const done: readonly string[] = ['created', 'updated', 'unchanged', 'accepted']

/** What every backend puts down of what it writes. */
export function testAudit(underTest: () => BackendUnderTest, places: Places): void {
  const { writeProgram, writeCourse } = createDriver(underTest, places)

  const batches = async (filter: object = {}): Promise<AuditEvent[]> => {
    const programId = places.at.program.called.id
    return underTest().audit.listBatches({ filter: { programId, ...filter }, count: 1_000 })
  }
  const rowsIn = async (events: AuditEvent[]): Promise<AuditedRow[]> => {
    const lists = events.map(({ id }) =>
      underTest().audit.listRows({ batchId: id }, { filter: {}, count: 10_000 }),
    )
    return (await Promise.all(lists)).flat()
  }
  /** The rows in the order in which they were written: `student: asked → outcome`, with `!` when it was refused. */
  const told = (rows: AuditedRow[]) =>
    rows.toReversed().map(({ studentKey, asked, outcome, action }) => {
      expect([...done, 'refused']).toContain(action)
      return `${studentKey}: ${asked} → ${done.includes(action) ? '' : '!'}${outcome}`
    })

  describe('the audit trail', () => {
    test('tells who wrote which rows of which program, by which request, and what came of each', async () => {
      await writeProgram('create', [['ann', 'enrolled']])
      await writeProgram('create', [
        ['ann', 'ended'],
        ['bob', 'pending'],
        ['cyd', 'nonsense'],
      ])
      const [newer, older, ...more] = await batches()
      const { called, organizationId } = places.at.program
      expect(more).toEqual([])
      expect(newer).toMatchObject({
        author: { kind: 'user', name: 'partner', via: null, requestId: 'request-1' },
        action: 'program_enrollments.written',
        target: { kind: 'program', name: called.key },
        organization: { id: organizationId, key: called.organizationKey },
        program: { id: called.id, key: called.key },
        courseKey: null,
        after: { mode: 'create', rows: 3, accepted: 1, refused: 2 },
        outcome: 'done',
      })
      expect(Math.abs(Date.now() - (newer?.at.getTime() ?? 0))).toBeLessThan(60_000)
      expect(told(await rowsIn([older as AuditEvent]))).toEqual(['ann: enrolled → enrolled'])
      expect(told(await rowsIn([newer as AuditEvent])).toSorted()).toEqual([
        'ann: ended → !conflict',
        'bob: pending → pending',
        'cyd: nonsense → !invalid-status',
      ])
    })

    test('tells of course runs as well', async () => {
      await writeProgram('create', [['ann', 'enrolled']])
      await writeCourse('create-or-update', [
        ['ann', 'active', true],
        ['bob', 'active'],
      ])
      const [batch] = await batches({ action: 'course_enrollments.written' })
      const [run] = places.at.runs
      expect(batch).toMatchObject({
        target: { kind: 'course', name: run.key },
        courseKey: run.key,
        after: { mode: 'create-or-update', rows: 2, accepted: 1, refused: 1 },
      })
      const rows = await rowsIn([batch as AuditEvent])
      expect(told(rows).toSorted()).toEqual(['ann: active → active', 'bob: active → !not-in-program'])
      expect(rows.find(({ studentKey }) => studentKey === 'ann')?.courseStaff).toBe(true)
    })

    test('has each row of a large write once, though it is written in batches', async () => {
      const keys = Array.from({ length: 60 }, (_, index) => `s${String(index).padStart(2, '0')}`)
      await writeProgram(
        'create',
        keys.map((key) => [key, 'enrolled'] as const),
      )
      const events = await batches()
      const rows = await rowsIn(events)
      expect(rows.map(({ studentKey }) => studentKey).toSorted()).toEqual(keys)
      expect(events.reduce((sum, { after }) => sum + Number(after?.rows), 0)).toBe(60)
    })

    test('keeps what can be kept of keys and statuses that cannot be', async () => {
      await writeProgram('create', [
        ['a\0b', 'enrolled'],
        ['x'.repeat(5_000), 'enrolled'],
        ['c', 'y'.repeat(5_000)],
      ])
      const rows = await rowsIn(await batches())
      expect(new Set(rows.map(({ studentKey }) => studentKey))).toEqual(
        new Set(['a\uFFFDb', 'x'.repeat(255), 'c']),
      )
      expect(rows.every(({ action }) => action === 'refused')).toBe(true)
    })

    test('tells all that was written about a learner, newest first, in pages', async () => {
      await writeProgram('create', [['dan', 'enrolled']])
      await writeProgram('update', [['dan', 'ended']])
      await writeCourse('create', [['dan', 'active']])
      await writeProgram('update', [['eve', 'ended']])
      const filter = { programId: places.at.program.called.id }
      const outcomes: (string | null)[] = []
      let after: AuditedRow | undefined
      for (;;) {
        const slice = { filter, count: 1, ...(after && { after }) }
        const [row] = await underTest().audit.listRows({ studentKey: 'dan' }, slice)
        if (row === undefined) break
        outcomes.push(row.outcome)
        after = row
      }
      expect(outcomes).toEqual(['active', 'ended', 'enrolled'])
    })
  })
}
