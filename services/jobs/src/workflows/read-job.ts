import type { ReadTask } from '../domain/tasks.ts'
import { readFirst, readNext } from './activities.ts'
import { publish } from './publish.ts'
import { settle } from './settle.ts'

/** Reads rows part by part, each part going on where the one before ended, and makes one result of the parts. */
export async function readJob(task: ReadTask): Promise<void> {
  await settle(task, () =>
    publish(task, async () => {
      let progress = await readFirst(task)
      while (!progress.done) progress = await readNext(task, progress)
      return progress
    }),
  )
}
