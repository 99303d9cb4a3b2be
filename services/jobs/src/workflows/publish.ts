import type { Progress, Task } from '../domain/tasks.ts'
import { isObjectGone, publishResult } from './activities.ts'

/**
 * Makes the parts and of them the result. Parts are gone when the workflow was reset to a place behind them: then they are made once
 * more, from the beginning.
 */
export async function publish(task: Task, makeParts: () => Promise<Progress>): Promise<void> {
  try {
    await publishResult(task, await makeParts())
  } catch (error) {
    if (!isObjectGone(error)) throw error
    await publishResult(task, await makeParts())
  }
}
