import type { WriteTask } from '../domain/tasks.ts'
import { writeFirst, writeNext } from './activities.ts'
import { publish } from './publish.ts'
import { settle } from './settle.ts'

/**
 * Writes the rows of an upload part by part, each part telling what came of its rows, and makes one result of the parts. A part that
 * was broken off is repeated: it writes the same and tells the same.
 */
export async function writeJob(task: WriteTask): Promise<void> {
  await settle(task, () =>
    publish(task, async () => {
      let progress = await writeFirst(task)
      while (!progress.done) progress = await writeNext(task, progress)
      return progress
    }),
  )
}
