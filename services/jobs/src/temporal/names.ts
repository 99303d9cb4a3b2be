import { hash } from 'node:crypto'

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

/** What jobs can be searched for by in Temporal, each of the type Keyword. */
export const searchAttributes = {
  program: 'RegistrarProgramKey',
  organization: 'RegistrarOrganizationKey',
  /** The id of the user who started the job: names are personal and would stay in the history. */
  user: 'RegistrarUser',
  kind: 'RegistrarJobKind',
} as const

/**
 * Whose turn counts when tasks wait: those of each school take turns. Temporal takes 64 bytes at most; a longer key gives way to its
 * hash.
 */
export function fairnessKeyOf(organizationKey: string): string {
  return Buffer.byteLength(organizationKey) <= 64 ? organizationKey : hash('sha256', organizationKey, 'hex')
}

/** The schedule that removes what is no longer kept; also how the ids of its workflows begin. */
export const purgeScheduleId = 'registrar-purge-expired'

/** The type of those workflows. */
export const purgeWorkflowType = 'PurgeExpired'

/** The schedule that syncs with Discovery; also how the ids of its workflows begin. */
export const syncScheduleId = 'registrar-sync-with-discovery'

/** The type of those workflows. */
export const syncWorkflowType = 'SyncWithDiscovery'
