import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { type Clients, callOptionsOf } from '../clients.ts'
import { detail } from '../http-errors.ts'
import { sendEtag } from '../plugins/etag.ts'
import { callerFaults } from '../schemas/errors.ts'
import { nullableText } from '../schemas/nullable.ts'
import { programSchema, renderProgram } from '../schemas/program.ts'
import {
  listProgramSlice,
  type ProgramQuery,
  programFilters,
  programPageQuery,
  unchangedSchema,
} from './program-list.ts'
import { addResource } from './resource.ts'

const defaultPageSize = 100
// The catalog counts what it passes over in 32 bits.
const maximumSkip = 2 ** 31 - 1

const programPageSchema = Type.Object(
  {
    count: Type.Integer({ description: 'How many programs there are on all pages.' }),
    next: nullableText({ description: 'The next page; null on the last.' }),
    previous: nullableText({ description: 'The page before; null on the first.' }),
    results: Type.Array(programSchema),
  },
  { description: 'A page of programs, oldest first.' },
)

/** All of /api/v3: the programs by pages. */
export function addV3(app: FastifyInstance, clients: Clients, apiRoot: string): void {
  addResource(app, {
    url: '/programs',
    allow: 'GET, HEAD, OPTIONS',
    name: 'Programs',
    authorize: (request) => clients.accessControl.getCaller({}, callOptionsOf(request)),
    routes: {
      GET: {
        schema: {
          operationId: 'list_programs',
          summary: 'List the programs that you may see, by pages',
          tags: ['programs'],
          querystring: programPageQuery,
          response: { 200: programPageSchema, 304: unchangedSchema, ...callerFaults },
        },
        onSend: sendEtag,
        handler: async (request) => {
          const { page, size, programs, total } = await readPage(clients, request)
          const link = (to: number) => linkTo(request, apiRoot, to)
          return {
            count: total,
            next: page * size < total ? link(page + 1) : null,
            previous: page > 1 ? link(page - 1) : null,
            results: programs.map(renderProgram),
          }
        },
      },
    },
  })
}

async function readPage(clients: Clients, request: FastifyRequest) {
  const filters = await programFilters(clients, request)
  const query = request.query as ProgramQuery
  const size = readPageSize(query.page_size)
  let page = readPageNumber(query.page || '1')
  if (page === 'last') {
    const { total } = await listProgramSlice(clients, request, filters, { skip: 0, count: 1 })
    page = Math.max(1, Math.ceil(total / size))
  }
  const skip = page === undefined || page < 1 ? maximumSkip : Math.min((page - 1) * size, maximumSkip)
  const { programs, total } = await listProgramSlice(clients, request, filters, { skip, count: size })
  if (page === undefined || page < 1 || (page > 1 && skip >= total)) throw detail(404, 'Invalid page.')
  return { page, size, programs, total }
}

function readPageSize(text: string | undefined): number {
  const size = /^\d+$/.test(text ?? '') ? Number(text) : 0
  return size > 0 ? size : defaultPageSize
}

function readPageNumber(text: string): number | 'last' | undefined {
  if (text === 'last') return text
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** The same request for another page: its own host, its own query sorted by name. */
function linkTo(request: FastifyRequest, apiRoot: string, page: number): string {
  const { protocol, host } = new URL(apiRoot)
  const isPlainHost = /^[A-Za-z0-9.-]+(:\d+)?$|^\[[0-9A-Fa-f:.]+\](:\d+)?$/.test(request.host)
  const [path = '', query = ''] = request.originalUrl.split('?', 2)
  const parameters = [...new URLSearchParams(query)].filter(([name]) => name !== 'page')
  if (page > 1) parameters.push(['page', String(page)])
  parameters.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const text = parameters.map(([name, value]) => `${quote(name)}=${quote(value)}`).join('&')
  return `${protocol}//${isPlainHost ? request.host : host}${path}${text === '' ? '' : `?${text}`}`
}

function quote(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}
