import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HandlerContext } from '@connectrpc/connect'
import { deadlineKey, requestIdOf } from '#kit/call-context.ts'
import { apartFromCall } from '#kit/call-signal.ts'
import { Reason } from '#kit/errors.ts'
import type { Logger } from '#kit/logger.ts'
import { metadataOf, reasonOf } from '#kit/rpc-errors.ts'
import { bulkSize, type Discovery } from './clients/discovery.ts'
import type { CopiedDetails } from './domain/discovery-program.ts'
import type { DueProgram, Moments } from './domain/freshness.ts'
import type { ProgramCopyStore } from './store/program-copies.ts'

/** Sees to it that what the store knows of programs is what Discovery tells. */
export type ProgramDetails = {
  /**
   * Fetches the details that are due: those due now while the caller waits, for some seconds at most, those due soon in the
   * background. True when the caller waited: what the store tells may be another thing now. Never fails.
   */
  fetch(due: readonly DueProgram[], context: HandlerContext): Promise<boolean>
  /** Makes the next read of one program, or of each, fetch its details; what is known is kept for when that fails. */
  flush(programId: string | undefined): Promise<void>
  /** Breaks off what is being fetched. */
  close(): Promise<void>
}

/** Details that operators typed in are nobody's copy. */
export const typedInDetails: ProgramDetails = {
  fetch: async () => false,
  flush: async () => {},
  close: async () => {},
}

type Sources = {
  copies: ProgramCopyStore
  discovery: Pick<Discovery, 'readProgram' | 'readPrograms'>
  momentsNow: () => Moments
  logger: Logger
}

/** How long a caller waits, and how much of the time that is left a caller keeps to be answered in, in milliseconds. */
const patienceMs = 5_000
const answeringMs = 500
/** How long an attempt may take; less than its claim lasts. */
export const attemptMs = 30_000
const pollMs = 100
/** So many failures in a row show that it is not the single program. */
const hopeless = 3

type Call = { signal: AbortSignal; requestId?: string }

/**
 * Copies of Discovery's details, kept in the database, so that every process of the catalog knows what one has fetched. A program
 * is fetched once, however many callers wait for it and in however many processes.
 */
export function createProgramDetails({ copies, discovery, momentsNow, logger }: Sources): ProgramDetails {
  const closing = new AbortController()
  /** The attempts under way: all of them, and by program those that a caller may wait for. */
  const flights = new Set<Promise<void>>()
  const inFlight = new Map<string, Promise<void>>()

  /** Settles when each of the programs has been fetched, in vain or not, by us or by another process. */
  function fetchAll(programs: readonly DueProgram[], requestId?: string): Promise<unknown> {
    const idle = programs.filter(({ id }) => !inFlight.has(id))
    if (idle.length > 0 && !closing.signal.aborted) start(idle, requestId)
    return Promise.all(new Set(programs.map(({ id }) => inFlight.get(id))))
  }

  function start(programs: readonly DueProgram[], requestId: string | undefined): void {
    // Others wait for it, too.
    const flight = apartFromCall(() => attempt(programs, requestId))
      .catch((error) => logger.warn({ err: error }, 'details could not be fetched'))
      .finally(() => {
        flights.delete(flight)
        for (const { id } of programs) if (inFlight.get(id) === flight) inFlight.delete(id)
      })
    flights.add(flight)
    for (const { id } of programs) inFlight.set(id, flight)
  }

  async function attempt(programs: readonly DueProgram[], requestId: string | undefined): Promise<void> {
    const claim = randomUUID()
    const claimed = new Set(await copies.claim(idsOf(programs), claim, momentsNow()))
    const ours = programs.filter(({ id }) => claimed.has(id))
    const chunks = Array.from({ length: Math.ceil(ours.length / bulkSize) }, (_, index) =>
      ours.slice(index * bulkSize, (index + 1) * bulkSize),
    )
    const others = idsOf(programs).filter((id) => !claimed.has(id))
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(attemptMs)])
    const call = { signal, ...(requestId && { requestId }) }
    await Promise.all([waitForOthers(others), ...chunks.map((chunk) => fetchChunk(chunk, claim, call))])
    if (closing.signal.aborted) await copies.release(claim)
  }

  /** True when Discovery answered. */
  async function fetchChunk(programs: DueProgram[], claim: string, call: Call): Promise<boolean> {
    try {
      const told = await readFrom(discovery, programs, call)
      if (told.size > 0) await copies.save(claim, told, momentsNow())
      const missing = idsOf(programs).filter((id) => !told.has(id))
      if (missing.length === 0) return true
      logger.warn({ programs: missing }, 'Discovery does not have programs')
      await copies.fail(claim, missing, 'missing', momentsNow())
      return true
    } catch (error) {
      if (closing.signal.aborted) return false
      const left = await fetchOneByOne(programs, claim, call, error)
      const why =
        reasonOf(error) === undefined ? { err: error } : { why: String(error), ...metadataOf(error) }
      logger.warn({ ...why, programs: idsOf(left) }, 'Discovery does not tell details')
      await copies.fail(claim, idsOf(left), 'failed', momentsNow())
      return false
    }
  }

  /** One program that Discovery cannot show must not hide those that are asked for with it. Returns those not asked for. */
  async function fetchOneByOne(programs: DueProgram[], claim: string, call: Call, error: unknown) {
    if (programs.length === 1 || reasonOf(error) !== Reason.UPSTREAM_FAILED) return programs
    const left = [...programs]
    let failuresInARow = 0
    const work = async () => {
      while (failuresInARow < hopeless) {
        const program = left.shift()
        if (program === undefined) return
        failuresInARow = (await fetchChunk([program], claim, call)) ? 0 : failuresInARow + 1
      }
    }
    await Promise.all(Array.from({ length: hopeless }, work))
    return left
  }

  async function waitForOthers(ids: readonly string[]): Promise<void> {
    let waiting = ids
    while (waiting.length > 0 && !closing.signal.aborted) {
      waiting = await copies.listClaimed(waiting, momentsNow())
      if (waiting.length > 0) await sleep(pollMs)
    }
  }

  return {
    async fetch(due, context) {
      const soon = due.filter((program) => program.due === 'soon')
      const now = due.filter((program) => program.due === 'now')
      if (soon.length > 0) void fetchAll(soon)
      if (now.length === 0) return false
      const enough = new AbortController()
      const leftMs = context.values.get(deadlineKey) - Date.now() - answeringMs
      const patience = sleep(Math.max(0, Math.min(patienceMs, leftMs)), undefined, { signal: enough.signal })
      await Promise.race([fetchAll(now, requestIdOf(context)), patience]).finally(() => enough.abort())
      return true
    },

    async flush(programId) {
      await copies.flush(programId)
      // What is being fetched may have been told before the flush: the next read starts anew.
      if (programId === undefined) inFlight.clear()
      else inFlight.delete(programId)
    },

    async close() {
      closing.abort()
      await Promise.all(flights)
    },
  }
}

function idsOf(programs: readonly DueProgram[]): string[] {
  return programs.map(({ id }) => id)
}

/** What Discovery tells of the programs, by their ids here. */
async function readFrom(
  discovery: Sources['discovery'],
  programs: readonly DueProgram[],
  call: Call,
): Promise<Map<string, CopiedDetails>> {
  const [first] = programs
  const uuids = [...new Set(programs.map(({ discoveryUuid }) => discoveryUuid))]
  const told = new Map<string, CopiedDetails | undefined>()
  if (uuids.length > 1) {
    for (const [uuid, program] of await discovery.readPrograms(uuids, call)) told.set(uuid, program)
  } else if (first !== undefined) {
    told.set(first.discoveryUuid, await discovery.readProgram(first.discoveryUuid, call))
  }
  return new Map(
    programs.flatMap(({ id, discoveryUuid }) => {
      const details = told.get(discoveryUuid)
      return details === undefined ? [] : [[id, details] as const]
    }),
  )
}
