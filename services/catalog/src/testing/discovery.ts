import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A program as Discovery's JSON has it; what a test leaves out is made up. */
export type ProgramJson = Record<string, unknown> & { uuid: string }

/** What is answered instead of what is there; undefined to answer that. */
export type Misbehaviour = { status: number; body: string } | 'drop' | 'hang' | undefined

/** A Discovery whose contents tests decide, with the LMS's token endpoint. */
export type TestDiscovery = {
  /** What a catalog that goes by it is configured with. */
  settings: Record<string, string>
  programs: Map<string, ProgramJson>
  organizations: Record<string, unknown>[]
  /** Paths with their queries in the order in which they were asked for, those for tokens apart. */
  requests: string[]
  requestIds: (string | undefined)[]
  /** How it answers a path from now on. */
  misbehave: (path: string) => Misbehaviour
  /** How long it takes over an answer, in milliseconds. */
  delayMs: number
  /** How many entries of a list it gives at once, whatever is asked for; 100 when not set. */
  pageSize: number
  /** Puts a Masters program into it with some course runs. */
  add(more?: Record<string, unknown>): ProgramJson
  /** Nobody listens from then on, until it is revived. */
  die(): Promise<void>
  revive(): Promise<void>
  /** As if nothing had ever happened; what it holds is gone. */
  reset(): Promise<void>
  stop(): Promise<void>
}

export async function startTestDiscovery(): Promise<TestDiscovery> {
  const server = createServer()
  await listen(server, 0)
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const discovery: TestDiscovery = {
    settings: {
      DISCOVERY_BASE_URL: url,
      BACKEND_SERVICE_EDX_OAUTH2_KEY: 'registrar',
      BACKEND_SERVICE_EDX_OAUTH2_SECRET: 'secret',
      BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL: `${url}/oauth2`,
    },
    programs: new Map(),
    organizations: [],
    requests: [],
    requestIds: [],
    misbehave: () => undefined,
    delayMs: 0,
    pageSize: 100,
    add(more = {}) {
      const program = { ...madeUpProgram(), ...more } as ProgramJson
      this.programs.set(program.uuid, program)
      return program
    },
    async die() {
      if (!server.listening) return
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
    async revive() {
      if (!server.listening) await listen(server, port)
    },
    async reset() {
      await this.revive()
      this.programs.clear()
      Object.assign(this, { organizations: [], misbehave: () => undefined, delayMs: 0, pageSize: 100 })
      this.requests.length = 0
      this.requestIds.length = 0
    },
    stop: () => discovery.die(),
  }
  server.on('request', (request, response) => {
    const path = request.url ?? ''
    request.resume()
    const send = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    if (path === '/oauth2/access_token') {
      send(200, JSON.stringify({ access_token: 'token', expires_in: 3_600, token_type: 'JWT' }))
      return
    }
    discovery.requests.push(path)
    discovery.requestIds.push(request.headers['x-request-id'] as string | undefined)
    const misbehaviour = discovery.misbehave(path)
    if (misbehaviour === 'hang') return
    if (misbehaviour === 'drop') return void response.socket?.destroy()
    const answer = misbehaviour ?? answerFrom(discovery, new URL(path, 'https://discovery.internal'))
    setTimeout(() => send(answer.status, answer.body), discovery.delayMs)
  })
  return discovery
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

// The links of its lists have another scheme and host, as behind a proxy.
function answerFrom({ programs, organizations, pageSize }: TestDiscovery, url: URL) {
  const [, uuid] = /^\/api\/v1\/programs\/([^/]+)\/$/.exec(url.pathname) ?? []
  if (uuid !== undefined) return found(programs.get(uuid))
  if (url.pathname === '/api/v1/organizations/') return found(pageOf(organizations, url, pageSize))
  if (url.pathname !== '/api/v1/programs/') return found(undefined)
  const uuids = url.searchParams.get('uuids')?.split(',')
  const isActiveOnly = url.searchParams.get('status') === 'active'
  const chosen = [...programs.values()].filter(
    ({ uuid, status }) => (uuids?.includes(uuid) ?? true) && (!isActiveOnly || status === 'active'),
  )
  return found(pageOf(chosen, url, pageSize))
}

function found(body: unknown): { status: number; body: string } {
  if (body === undefined) return { status: 404, body: '{"detail":"Not found."}' }
  return { status: 200, body: JSON.stringify(body) }
}

function pageOf(entries: readonly unknown[], url: URL, pageSize: number) {
  const page = Number(url.searchParams.get('page') ?? 1)
  const next = new URL(url)
  next.searchParams.set('page', String(page + 1))
  return {
    count: entries.length,
    next: entries.length > page * pageSize ? next.href : null,
    results: entries.slice((page - 1) * pageSize, page * pageSize),
  }
}

function madeUpProgram(): ProgramJson {
  const uuid = randomUUID()
  return {
    uuid,
    title: `Title of ${uuid}`,
    marketing_url: `https://example.org/${uuid}`,
    marketing_slug: `masters/${uuid}`,
    type: 'Masters',
    status: 'active',
    authoring_organizations: [],
    curricula: [
      {
        uuid: randomUUID(),
        is_active: true,
        courses: [{ course_runs: [{ key: 'course-v1:Stem+CS1+Fall', external_key: 'CS-1', title: 'CS 1' }] }],
      },
    ],
  }
}
