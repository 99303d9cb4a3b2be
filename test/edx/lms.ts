import type { FastifyReply, FastifyRequest } from 'fastify'
import { CursorError, type Page, pageByCursor } from './list.ts'
import { routeLmsControl } from './lms-control.ts'
import { type Grade, type LmsCourse, type LmsProgram, LmsState } from './lms-state.ts'
import { type WriteAnswer, type WriteMethod, writeCourse, writeProgram } from './lms-writes.ts'
import { createTokenIssuer, requireService, routeOAuth, type TokenIssuer } from './oauth.ts'
import { type StandIn, startStandIn, urlOf } from './server.ts'

/** How the LMS departs from what it does by itself, for tests of what others make of it. */
export type Quirks = {
  /** Answers 400 to every `page_size`, as a server that knows none. */
  refusesPageSize: boolean
  /** Gives pages of this many rows whatever is asked. */
  pageSize: number | undefined
  /** Changes a page before it is sent. */
  editPage: ((page: Page<object>, path: string) => unknown) | undefined
  /** Changes the answer to a write before it is sent. */
  editWrite: ((answer: WriteAnswer, path: string, body: unknown) => WriteAnswer) | undefined
}

/** An LMS with the program_enrollments API, its OAuth2 provider and its public keys. */
export type LmsStandIn = StandIn & {
  state: LmsState
  tokens: TokenIssuer
  quirks: Quirks
}

const root = '/api/program_enrollments/v1/programs'
type Params = { uuid: string; '*'?: string }

export async function startLms(port = 0): Promise<LmsStandIn> {
  const state = new LmsState()
  const quirks: Quirks = {
    refusesPageSize: false,
    pageSize: undefined,
    editPage: undefined,
    editWrite: undefined,
  }
  const tokens = await createTokenIssuer('https://lms.example.org/oauth2')
  const preHandler = requireService(tokens)

  const server = await startStandIn(port, (app) => {
    routeOAuth(app, tokens)
    routeLmsControl(app, state, tokens)

    app.get<{ Params: Params }>(`${root}/:uuid/enrollments/`, { preHandler }, (request, reply) => {
      const program = findProgram(state, request, reply)
      return program && sendPage(quirks, request, reply, program.enrollments.rows)
    })
    app.route<{ Params: Params }>({
      method: ['POST', 'PATCH', 'PUT'],
      url: `${root}/:uuid/enrollments/`,
      preHandler,
      handler: (request, reply) => {
        const program = findProgram(state, request, reply)
        if (program === undefined) return reply
        const method = request.method as WriteMethod
        return sendWrite(quirks, request, reply, writeProgram(state, program, method, request.body))
      },
    })
    // A course key may have slashes in it.
    app.get<{ Params: Params }>(`${root}/:uuid/courses/*`, { preHandler }, (request, reply) => {
      const found = findCourse(state, request, reply)
      if (found === undefined) return reply
      return found.what === 'enrollments'
        ? sendPage(quirks, request, reply, found.course.enrollments.rows)
        : sendGrades(quirks, request, reply, found.course)
    })
    app.route<{ Params: Params }>({
      method: ['POST', 'PATCH', 'PUT'],
      url: `${root}/:uuid/courses/*`,
      preHandler,
      handler: (request, reply) => {
        const found = findCourse(state, request, reply)
        if (found === undefined) return reply
        if (found.what !== 'enrollments') return reply.code(405).send({ detail: 'Method not allowed.' })
        const method = request.method as WriteMethod
        return sendWrite(quirks, request, reply, writeCourse(state, found, method, request.body))
      },
    })
  })
  return { ...server, state, tokens, quirks }
}

function findProgram(
  state: LmsState,
  request: FastifyRequest<{ Params: Params }>,
  reply: FastifyReply,
): LmsProgram | undefined {
  const program = state.programs.get(request.params.uuid.toLowerCase())
  if (program === undefined) sendMissing(reply, 'program_does_not_exist', 'no program exists with given key')
  return program
}

function findCourse(state: LmsState, request: FastifyRequest<{ Params: Params }>, reply: FastifyReply) {
  const [, courseKey = '', what] = /^([^?]+)\/(enrollments|grades)\/$/.exec(request.params['*'] ?? '') ?? []
  if (what === undefined) {
    reply.code(404).type('text/html').send('<h1>Not Found</h1>')
    return undefined
  }
  const program = findProgram(state, request, reply)
  if (program === undefined) return undefined
  const course = program.courses.get(courseKey)
  if (course !== undefined) return { program, courseKey, course, what }
  if (state.hasCourse(courseKey)) sendMissing(reply, 'course_not_in_program', 'course not in program')
  else sendMissing(reply, 'course_does_not_exist', 'no course exists with given key')
  return undefined
}

function sendMissing(reply: FastifyReply, error_code: string, developer_message: string): void {
  reply.code(404).send({ developer_message, error_code })
}

function sendWrite({ editWrite }: Quirks, request: FastifyRequest, reply: FastifyReply, answer: WriteAnswer) {
  const { status, body } = editWrite?.(answer, request.url, request.body) ?? answer
  return reply
    .code(status)
    .type('application/json')
    .send(body === '' ? undefined : body)
}

function sendPage(
  quirks: Quirks,
  request: FastifyRequest,
  reply: FastifyReply,
  rows: readonly object[],
  codeOf?: (page: Page<object>) => number,
) {
  const url = urlOf(request)
  if (quirks.refusesPageSize && url.searchParams.has('page_size')) {
    return reply.code(400).send({ detail: 'Invalid page size.' })
  }
  if (quirks.pageSize !== undefined) url.searchParams.set('page_size', String(quirks.pageSize))
  try {
    const page = pageByCursor(rows, url)
    reply.code(codeOf?.(page) ?? 200)
    return reply.send(quirks.editPage?.(page, request.url) ?? page)
  } catch (error) {
    if (!(error instanceof CursorError)) throw error
    return reply.code(404).send({ detail: error.message })
  }
}

/** Of those who have accounts; who has no grade yet has the one that everybody begins with. */
function sendGrades(
  quirks: Quirks,
  request: FastifyRequest,
  reply: FastifyReply,
  { enrollments, grades }: LmsCourse,
) {
  const beginning: Grade = { letter_grade: null, percent: 0, passed: false }
  const graded = enrollments.rows
    .filter(({ account_exists }) => account_exists)
    .map(({ student_key }) => ({ student_key, ...(grades.get(student_key) ?? beginning) }))
  if (graded.length === 0) return reply.code(204).send()
  return sendPage(quirks, request, reply, graded, ({ results }) => {
    const errors = results.filter((row) => 'error' in row).length
    return errors === 0 ? 200 : errors === results.length ? 422 : 207
  })
}
