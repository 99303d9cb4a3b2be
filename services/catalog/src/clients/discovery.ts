import { DomainError, Reason } from '#kit/errors.ts'
import type { Upstream } from '#kit/upstream.ts'
import {
  type DiscoveryOrganization,
  type DiscoveryProgram,
  readDiscoveryOrganization,
  readDiscoveryProgram,
} from '../domain/discovery-program.ts'

/** What a call goes by: its end, and the id of the request that it is made for. */
export type DiscoveryCall = { signal?: AbortSignal; requestId?: string }

/** Discovery, asked. Calls fail with UPSTREAM_UNAVAILABLE, UPSTREAM_TIMEOUT or UPSTREAM_FAILED. */
export type Discovery = {
  /** Undefined when Discovery has no such program. */
  readProgram(uuid: string, call: DiscoveryCall): Promise<DiscoveryProgram | undefined>
  /** Up to `bulkSize` programs in one call, by their ids in lower case; those that Discovery does not have are left out. */
  readPrograms(uuids: readonly string[], call: DiscoveryCall): Promise<Map<string, DiscoveryProgram>>
  /** All active programs of the types that are taken over. */
  listActivePrograms(call: DiscoveryCall): Promise<DiscoveryProgram[]>
  listOrganizations(call: DiscoveryCall): Promise<DiscoveryOrganization[]>
}

/** So many programs can be asked for in one call. */
export const bulkSize = 50

const syncedTypes = 'micromasters,masters,professional-certificate,microbachelors,xseries'
const programsPath = '/api/v1/programs/'
// A list that is still not at its end goes round in circles.
const maximumPages = 10_000

export function createDiscovery(upstream: Upstream): Discovery {
  async function readProgram(uuid: string, call: DiscoveryCall): Promise<DiscoveryProgram | undefined> {
    const path = `${programsPath}${encodeURIComponent(uuid)}/`
    const { status, body } = await upstream.call({
      ...{ operation: 'get_program', method: 'GET', path, key: uuid, accept: [404] },
      ...call,
    })
    if (status === 404) return undefined
    const program = readDiscoveryProgram(body)
    if (program === undefined) throw nonsense('program')
    return program
  }

  /** Follows `next`, of which only the query is taken: its scheme and host are often those behind a proxy. */
  async function* readPages(
    operation: string,
    path: string,
    query: Record<string, string>,
    call: DiscoveryCall,
  ): AsyncGenerator<unknown[]> {
    let next: Record<string, string> | undefined = query
    for (let page = 0; next !== undefined; page++) {
      if (page === maximumPages) throw nonsense('list that has an end')
      const { body } = await upstream.call({ operation, method: 'GET', path, query: next, ...call })
      const { results, next: link } = (body ?? {}) as { results?: unknown; next?: unknown }
      if (!Array.isArray(results)) throw nonsense('list')
      yield results
      next = typeof link === 'string' ? queryOf(link) : undefined
    }
  }

  async function readAll<T>(pages: AsyncGenerator<unknown[]>, read: (json: unknown) => T | undefined) {
    const found: T[] = []
    for await (const page of pages) found.push(...page.map(read).filter((each) => each !== undefined))
    return found
  }

  async function readChunk(uuids: readonly string[], call: DiscoveryCall) {
    const query = { uuids: uuids.join(','), page_size: String(uuids.length) }
    const found = new Map<string, DiscoveryProgram>()
    for await (const page of readPages('get_programs', programsPath, query, call)) {
      for (const program of page.map(readDiscoveryProgram)) {
        if (program === undefined || program.uuid === null) continue
        // Everything would come, page after page, from a server that does not know the filter.
        if (!uuids.includes(program.uuid)) throw nonsense('list of the programs that were asked for')
        found.set(program.uuid, program)
      }
    }
    return found
  }

  /** Programs that the list tells only in outline are read one by one. */
  async function completed(found: Map<string, DiscoveryProgram>, call: DiscoveryCall) {
    const outlines = [...found].filter(([, { tellsCurricula }]) => !tellsCurricula)
    const whole = await Promise.all(
      outlines.map(async ([uuid, outline]) => [uuid, (await readProgram(uuid, call)) ?? outline] as const),
    )
    return new Map([...found, ...whole])
  }

  return {
    readProgram,

    readPrograms: async (uuids, call) => completed(await readChunk(uuids, call), call),

    listActivePrograms: (call) =>
      readAll(
        readPages('list_programs', programsPath, { types: syncedTypes, status: 'active' }, call),
        readDiscoveryProgram,
      ),

    listOrganizations: (call) =>
      readAll(readPages('list_organizations', '/api/v1/organizations/', {}, call), readDiscoveryOrganization),
  }
}

function queryOf(link: string): Record<string, string> {
  const url = URL.parse(link, 'http://discovery/')
  if (url === null) throw nonsense('link to the next page')
  return Object.fromEntries(url.searchParams)
}

function nonsense(wanted: string): DomainError {
  return new DomainError(Reason.UPSTREAM_FAILED, `The Discovery gave an answer that is no ${wanted}.`, {
    metadata: { upstream: 'Discovery', fault: 'nonsense' },
  })
}
