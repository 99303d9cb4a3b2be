import type { Job, ReadKind, ResultFormat, WriteKind } from './job.ts'

/** What a workflow is started with. It lies in Temporal's history: ids and keys only, nothing about a learner. */
export type Task = ReadTask | WriteTask

export type ReadTask = TaskBase & {
  kind: ReadKind
  /** Internal key of the course run, for the kinds that read one. */
  courseKey: string | null
  format: ResultFormat
  includeAccounts: boolean
  includeCourseStaff: boolean
}

export type WriteTask = TaskBase & { kind: WriteKind }

type TaskBase = {
  jobId: string
  programKey: string
  /** How long the job may take from its start, in seconds. */
  timeLimitSeconds: number
}

/** How far a job is; what one part hands to the next through Temporal's history. */
export type Progress = {
  /** Parts of the result that lie in the storage. */
  parts: number
  /** The name of the last of them, which leads to those before; empty when there is none. */
  lastPart: string
  rows: number
  /** Rows that went well and rows that did not, for the kinds that tell. */
  good: number
  bad: number
  /** Where the next part goes on. */
  cursor: Cursor
  done: boolean
}

/** A place in what a job reads or writes. */
export type Cursor = {
  /** Reads: behind the last row read; empty for the beginning. */
  token: string
  /** Reads of all course runs: internal key of the run that `token` belongs to; empty for the first. */
  courseKey: string
  /** Writes: the group and the entry in it that come next. */
  group: number
  entry: number
}

export const beginning: Progress = {
  parts: 0,
  lastPart: '',
  rows: 0,
  good: 0,
  bad: 0,
  cursor: { token: '', courseKey: '', group: 0, entry: 0 },
  done: false,
}

export function taskOf(job: Job, timeLimitSeconds: number): Task {
  const base = { jobId: job.id, programKey: job.programKey, timeLimitSeconds }
  switch (job.kind) {
    case 'WriteProgramEnrollments':
    case 'WriteCourseRunEnrollments':
      return { ...base, kind: job.kind }
    default: {
      const { kind, courseKey, format, includeAccounts, includeCourseStaff } = job
      return { ...base, kind, courseKey, format, includeAccounts, includeCourseStaff }
    }
  }
}
