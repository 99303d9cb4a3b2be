import { partKeyOf } from '../domain/object-keys.ts'
import { type Row, rowWriterOf } from '../domain/result-format.ts'
import type { Progress, ReadTask } from '../domain/tasks.ts'
import type { Storage } from '../storage/storage.ts'
import {
  type Attempt,
  type AttemptDependencies,
  newPartName,
  type PartLimits,
  runAttempt,
} from './attempt.ts'
import { type RowSources, readRows } from './row-sources.ts'

export type ReadPartDependencies = AttemptDependencies & {
  sources: RowSources
  storage: Storage
  bucket: string
  limits: PartLimits & { rows: number }
}

/**
 * Reads on from where the part before ended and stores what it read as the next part of the result. Each attempt writes a part of
 * its own and the last one counts, so no row is in the result twice.
 */
export function createReadPart(dependencies: ReadPartDependencies) {
  const { storage, bucket } = dependencies
  return (task: ReadTask, from: Progress, earlierAttempts: number): Promise<Progress> =>
    runAttempt(dependencies, { jobId: task.jobId, rowsDone: from.rows, earlierAttempts }, async (attempt) => {
      const part = new PartReading(dependencies, task, from, attempt)
      await storage.put(bucket, part.key, part.readBytes())
      return part.progress
    })
}

class PartReading {
  progress: Progress
  readonly key: string
  readonly #dependencies: ReadPartDependencies
  readonly #task: ReadTask
  readonly #attempt: Attempt

  constructor(dependencies: ReadPartDependencies, task: ReadTask, from: Progress, attempt: Attempt) {
    this.#dependencies = dependencies
    this.#task = task
    this.#attempt = attempt
    const name = newPartName()
    this.key = partKeyOf(task.jobId, { part: from.parts, name, before: from.lastPart })
    this.progress = { ...from, parts: from.parts + 1, lastPart: name }
  }

  /** Parts laid end to end are the result: the first brings the opening, the last the closing. */
  async *readBytes(): AsyncGenerator<string> {
    const { sources, limits } = this.#dependencies
    const { signal, endsAt, note } = this.#attempt
    const from = this.progress
    const writer = rowWriterOf(this.#task)
    if (from.parts === 1) yield writer.opening
    for await (const batch of readRows(sources, this.#task, from.cursor, limits.rows, signal)) {
      if (batch.rows.length > 0) yield writer.writeRows(batch.rows, this.progress.rows === 0)
      const { good, bad } = tally(batch.rows)
      this.progress = {
        ...this.progress,
        rows: this.progress.rows + batch.rows.length,
        good: this.progress.good + good,
        bad: this.progress.bad + bad,
        cursor: batch.cursor,
        done: batch.isLast,
      }
      note(this.progress.rows)
      if (this.progress.rows - from.rows >= limits.rows || Date.now() >= endsAt) break
    }
    if (this.progress.done) yield writer.closing
  }
}

function tally(rows: readonly Row[]): { good: number; bad: number } {
  let bad = 0
  for (const row of rows) if ('outcome' in row && row.outcome.case === 'error') bad++
  return { good: rows.length - bad, bad }
}
