import { partKeyOf, uploadKeyOf } from '../domain/object-keys.ts'
import type { Progress, WriteTask } from '../domain/tasks.ts'
import type { UploadRow } from '../domain/upload-csv.ts'
import { planUpload, type UploadLayout, uploadHeaderOf, uploadLineOf } from '../domain/upload-plan.ts'
import type { Storage } from '../storage/storage.ts'
import type { JobStore } from '../store/job-store.ts'
import {
  type Attempt,
  type AttemptDependencies,
  newPartName,
  type PartLimits,
  runAttempt,
} from './attempt.ts'
import { writingOptionsFor } from './call-options.ts'
import { type EnrollmentClient, writeEntries } from './row-sinks.ts'

export type WritePartDependencies = AttemptDependencies & {
  enrollment: EnrollmentClient
  storage: Storage
  bucket: string
  limits: PartLimits & { rows: number }
}

/**
 * Writes on from where the part before ended and stores what came of it as the next part of the result. Repeating it writes the same
 * rows again, which changes nothing, and makes another part, which counts.
 */
export function createWritePart(dependencies: WritePartDependencies) {
  const { storage, bucket } = dependencies
  return (task: WriteTask, from: Progress, earlierAttempts: number): Promise<Progress> =>
    runAttempt(dependencies, { jobId: task.jobId, rowsDone: from.rows, earlierAttempts }, async (attempt) => {
      const [rows, owner] = await Promise.all([
        readUpload(storage, bucket, task.jobId),
        ownerOf(dependencies.store, task.jobId),
      ])
      const part = new PartWriting(dependencies, { ...task, owner }, from, attempt)
      await storage.put(bucket, part.key, part.writeRows(rows))
      return part.progress
    })
}

type OwnedTask = WriteTask & { owner: string }

class PartWriting {
  progress: Progress
  readonly key: string
  readonly #dependencies: WritePartDependencies
  readonly #task: OwnedTask
  readonly #attempt: Attempt

  constructor(dependencies: WritePartDependencies, task: OwnedTask, from: Progress, attempt: Attempt) {
    this.#dependencies = dependencies
    this.#task = task
    this.#attempt = attempt
    const name = newPartName()
    this.key = partKeyOf(task.jobId, { part: from.parts, name, before: from.lastPart })
    this.progress = { ...from, parts: from.parts + 1, lastPart: name }
  }

  /** Writes rows and yields the lines that tell what came of them. */
  async *writeRows(rows: UploadRow[]): AsyncGenerator<string> {
    const { enrollment, limits } = this.#dependencies
    const { signal, endsAt, note } = this.#attempt
    const from = this.progress
    const plan = planUpload(rows)
    const isCourse = this.#task.kind === 'WriteCourseRunEnrollments'
    const layout: UploadLayout = { isCourse, hasCourseStaff: plan.hasCourseStaff }
    const unasked: string[] = []
    if (from.parts === 1) yield uploadHeaderOf(layout)
    this.progress = { ...from, done: rows.length === 0 }
    const options = writingOptionsFor(this.#task, this.#task.owner, signal)
    for await (const batch of writeEntries(enrollment, this.#task, plan, from.cursor, options)) {
      let text = ''
      for (const { row, status, isUnasked } of batch.results) {
        const line = uploadLineOf(layout, row, status)
        if (isUnasked) unasked.push(line)
        else text += line
      }
      yield text
      this.progress = {
        ...this.progress,
        rows: this.progress.rows + batch.rowsDone,
        good: this.progress.good + batch.good,
        bad: this.progress.bad + batch.bad,
        cursor: { ...from.cursor, ...batch.next },
        done: batch.isLast,
      }
      note(this.progress.rows)
      if (this.progress.rows - from.rows >= limits.rows || Date.now() >= endsAt) break
    }
    // What the LMS told of learners about whom nobody asked comes last.
    yield unasked.join('')
  }
}

/** The name of a job's owner, which stays out of the workflow's history. */
async function ownerOf(store: JobStore, jobId: string): Promise<string> {
  const job = await store.find(jobId)
  if (job === undefined) throw new Error('a job that is being worked on has no row')
  return job.username
}

async function readUpload(storage: Storage, bucket: string, jobId: string): Promise<UploadRow[]> {
  const { chunks } = await storage.read(bucket, uploadKeyOf(jobId))
  const pieces: Uint8Array[] = []
  for await (const chunk of chunks) pieces.push(chunk)
  return JSON.parse(Buffer.concat(pieces).toString('utf8')) as UploadRow[]
}
