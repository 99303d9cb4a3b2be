/** The task queue that jobs wait in; every worker polls it. */
export const taskQueue = 'registrar-jobs'

/** The id of a job's workflow is the job's id; its type is the job's kind. */
export function workflowIdOf(jobId: string): string {
  return jobId
}

/**
 * How long a worker may keep a workflow task to itself. A worker that was killed during a job's first part is noticed after this
 * time; a longer part is renewed before it has passed.
 */
export const workflowTaskTimeoutMs = 5_000

/** How long a task waits for the worker that has the workflow in memory before any other may have it. */
export const stickyTimeoutMs = 3_000

/** The memory that a workflow keeps after its own time limit, to write down how it ended. */
export const graceAfterTimeLimitSeconds = 600
