import type { Sequelize } from 'sequelize'
import type { Logger } from '#kit/logger.ts'
import type { Metrics } from '#kit/metrics.ts'
import { createUpstream } from '#kit/upstream.ts'
import type { UpstreamCredentials } from '#kit/upstream-token.ts'
import { createDiscovery, type Discovery } from './clients/discovery.ts'
import { type Moments, momentsAt } from './domain/freshness.ts'
import { attemptMs, createProgramDetails, type ProgramDetails, typedInDetails } from './program-details.ts'
import { createProgramCopyStore } from './store/program-copies.ts'

/** Where the details of programs come from: copied from Discovery, or typed in by operators. */
export type DetailsSource = {
  discovery: Discovery | undefined
  details: ProgramDetails
  /** Undefined where nothing is a copy. */
  momentsNow: (() => Moments) | undefined
  close(): Promise<void>
}

type Wanted = {
  database: Sequelize
  /** Undefined where operators make the catalog. */
  upstream: { baseUrl: string; credentials: UpstreamCredentials } | undefined
  /** How long copies are fresh. */
  freshSeconds: number
  now: () => Date
  logger: Logger
  metrics?: Metrics
}

/** After an attempt in vain Discovery is not asked about a program for so many seconds. */
const negativeSeconds = 10
// A list of 50 programs with all their course runs is a long answer, and Discovery takes its time over it.
const limits = { answerMs: 20_000, maxBytes: 64 * 1024 * 1024 }

export function openDetailsSource({
  database,
  upstream,
  freshSeconds,
  now,
  logger,
  metrics,
}: Wanted): DetailsSource {
  if (upstream === undefined) {
    return { discovery: undefined, details: typedInDetails, momentsNow: undefined, close: async () => {} }
  }
  const freshness = { fresh: freshSeconds, negative: negativeSeconds, claim: attemptMs / 1_000 + 10 }
  const momentsNow = () => momentsAt(now(), freshness)
  const connection = createUpstream({ name: 'Discovery', ...upstream, logger, metrics, limits })
  const discovery = createDiscovery(connection)
  const copies = createProgramCopyStore(database)
  const details = createProgramDetails({ copies, discovery, momentsNow, logger })
  return {
    discovery,
    details,
    momentsNow,
    async close() {
      await details.close()
      await connection.close()
    },
  }
}
