import type { Connection } from '@temporalio/client'
import type { Logger } from '#kit/logger.ts'
import type { NewJob } from '../domain/job.ts'
import { searchAttributes } from './names.ts'

/** Knows whether workflows can be started with our search attributes. */
export type SearchAttributeRegistry = {
  /** Registers those that are missing, where that is allowed; whether all are there. Fails while Temporal is away. */
  ensure(): Promise<boolean>
  /** Temporal refused them: they are looked for again in a while. */
  forget(): void
}

type Options = { connection: Connection; namespace: string; logger: Logger; nowMs?: () => number }

const askAgainAfterMs = 60_000
const keyword = 2

export function createSearchAttributeRegistry(options: Options): SearchAttributeRegistry {
  const { connection, namespace, logger, nowMs = Date.now } = options
  let areThere: boolean | undefined
  let asking: Promise<boolean> | undefined
  let askedAt = 0
  let hasWarned = false

  async function findMissing(): Promise<string[]> {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
    return Object.values(searchAttributes).filter((name) => customAttributes?.[name] === undefined)
  }

  async function ask(): Promise<boolean> {
    const missing = await findMissing().catch((error: unknown) => {
      // Who may not look can use them all the same, should they be there.
      if (isRefusal(error)) return []
      throw error
    })
    if (missing.length === 0) return true
    try {
      const attributes = Object.fromEntries(missing.map((name) => [name, keyword]))
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: attributes })
      logger.info({ namespace, searchAttributes: missing }, 'search attributes are registered')
      return true
    } catch (error) {
      if (!isRefusal(error)) throw error
      warn(missing)
      return false
    }
  }

  function warn(missing: readonly string[]): void {
    if (hasWarned) return
    hasWarned = true
    logger.warn(
      { command: commandFor(namespace, missing) },
      'Temporal does not know the search attributes of jobs and we may not register them: run the command; until then jobs run without them',
    )
  }

  return {
    async ensure() {
      if (areThere === true) return true
      if (areThere === false && nowMs() - askedAt < askAgainAfterMs) return false
      asking ??= ask().finally(() => {
        asking = undefined
      })
      areThere = await asking
      askedAt = nowMs()
      return areThere
    },
    forget() {
      areThere = false
      askedAt = nowMs()
      warn(Object.values(searchAttributes))
    },
  }
}

/** What a job can be found by. */
export function searchAttributesOf(job: NewJob): Record<string, string[]> {
  return {
    [searchAttributes.program]: [job.programKey],
    [searchAttributes.organization]: [job.organizationKey],
    [searchAttributes.user]: [job.ownerId],
    [searchAttributes.kind]: [job.kind],
  }
}

/** What an operator runs where we may not. */
export function commandFor(namespace: string, names: readonly string[]): string {
  const attributes = names.map((name) => `--name ${name} --type Keyword`).join(' ')
  return `temporal operator search-attribute create --namespace ${namespace} ${attributes}`
}

// PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED; INVALID_ARGUMENT when there is no room for more.
const refusals = new Set<unknown>([7, 12, 16, 3])

function isRefusal(error: unknown): boolean {
  return refusals.has((error as { code?: unknown }).code)
}
