import type { FastifyInstance } from 'fastify'
import type { Account, Grade, LmsState } from './lms-state.ts'
import type { TokenIssuer } from './oauth.ts'

type ProgramBody = {
  uuid: string
  courseKeys?: string[]
  generate?: number
  prefix?: string
  withCourses?: boolean
}

/** What tests in other processes change and look at, under `/_control`. */
export function routeLmsControl(app: FastifyInstance, state: LmsState, tokens: TokenIssuer): void {
  app.post('/_control/programs', (request) => {
    for (const { uuid, courseKeys, generate = 0, ...options } of request.body as ProgramBody[]) {
      state.generate(state.addProgram(uuid, courseKeys), generate, options)
    }
    return { programs: state.programs.size }
  })
  app.post('/_control/accounts', (request) => {
    for (const { student_key, ...account } of request.body as (Account & { student_key: string })[]) {
      state.linkAccount(student_key, account)
    }
    return {}
  })
  app.post<{ Params: { uuid: string } }>('/_control/programs/:uuid/grades', (request, reply) => {
    const { courseKey, grades } = request.body as { courseKey: string; grades: Record<string, Grade> }
    const course = state.programs.get(request.params.uuid)?.courses.get(courseKey)
    if (course === undefined) return reply.code(404).send({})
    for (const [studentKey, grade] of Object.entries(grades)) course.grades.set(studentKey, grade)
    return {}
  })
  app.get<{ Params: { uuid: string } }>('/_control/programs/:uuid', (request, reply) => {
    const program = state.programs.get(request.params.uuid)
    if (program === undefined) return reply.code(404).send({})
    const courses = [...program.courses].map(([key, { enrollments }]) => [key, enrollments.rows])
    return { enrollments: program.enrollments.rows, courses: Object.fromEntries(courses) }
  })
  app.post('/_control/tokens', async (request) => {
    const { username, claims } = request.body as { username: string; claims?: Record<string, unknown> }
    return { token: await tokens.mint(username, claims) }
  })
  app.post('/_control/tokens/revoke', () => {
    tokens.revokeAll()
    return {}
  })
  app.post('/_control/reset', () => {
    state.reset()
    return {}
  })
}
