import { Context } from '@temporalio/activity'
import { DomainError, Reason } from '#kit/errors.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import { partKeyOf, partsFolderOf, partsThatCount, resultKeyOf } from '../domain/object-keys.ts'
import { outcomeOf } from '../domain/outcome.ts'
import type { Progress, Task } from '../domain/tasks.ts'
import type { Storage } from '../storage/storage.ts'
import { type AttemptDependencies, explainFailures } from './attempt.ts'
import { reopen, runIdOf } from './runs.ts'

export type PublishResultDependencies = AttemptDependencies & { storage: Storage; bucket: string }

/** Makes one object of the parts, says in the job that it has succeeded, and removes the parts. Repeating it is fine. */
export function createPublishResult(dependencies: PublishResultDependencies) {
  const { store, storage, bucket } = dependencies

  async function findParts(jobId: string, parts: number, lastPart: string): Promise<string[]> {
    // Most jobs have one: it needs no search.
    if (parts === 1) return [partKeyOf(jobId, { part: 0, name: lastPart, before: '' })]
    const found = await storage.list(bucket, partsFolderOf(jobId))
    const keys = found.map(({ key }) => key)
    return partsThatCount(keys, parts, lastPart) ?? partsGone()
  }

  return (task: Task, { parts, lastPart, rows, good, bad }: Progress): Promise<void> =>
    explainFailures(dependencies, task.jobId, async () => {
      const { jobId } = task
      const resultKey = resultKeyOf({ id: jobId, format: 'format' in task ? task.format : 'csv' })
      const hasSucceeded = async () => (await store.find(jobId))?.state === 'SUCCEEDED'

      try {
        await storage.join(bucket, await findParts(jobId, parts, lastPart), resultKey)
      } catch (error) {
        // An attempt before this one came to its end, only Temporal was not told.
        if (reasonOf(error) === Reason.OBJECT_NOT_FOUND && (await hasSucceeded())) return
        throw error
      }
      const outcome = tellsOutcome(task) ? outcomeOf({ good, bad }) : null
      const success = { state: 'SUCCEEDED' as const, outcome, rowsDone: rows }
      const end = () => store.end(jobId, success, runIdOf(Context.current()))
      const isEnded = (await end()) || (await reopen(store, jobId).then(end))
      if (!isEnded && !(await hasSucceeded())) {
        await storage.remove(bucket, resultKey)
        throw new DomainError(Reason.JOB_ENDED, 'The job has ended already.')
      }
      await storage.removeFolder(bucket, partsFolderOf(jobId))
    })
}

function tellsOutcome({ kind }: Task): boolean {
  return (
    kind === 'GetCourseRunGrades' ||
    kind === 'WriteProgramEnrollments' ||
    kind === 'WriteCourseRunEnrollments'
  )
}

function partsGone(): never {
  throw new DomainError(Reason.OBJECT_NOT_FOUND, 'Parts of the result are gone.')
}
