import { invalidArgument } from '../find-job.ts'
import { type RemovalDependencies, removeEndedJobs } from '../remove-expired.ts'
import type { Rpc } from '../rpc.ts'

export function purgeJobs(dependencies: RemovalDependencies): Rpc<'purgeJobs'> {
  return async ({ olderThan }, { signal }) => {
    if (olderThan === undefined || olderThan.seconds < 0n || olderThan.nanos < 0) {
      throw invalidArgument('older_than', 'must be an age that is not negative')
    }
    const seconds = Number(olderThan.seconds) + olderThan.nanos / 1e9
    return { purged: await removeEndedJobs(dependencies, seconds, signal) }
  }
}
