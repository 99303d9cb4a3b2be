import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { createCsrfToken, csrfCookieName, csrfTokenOf } from '../plugins/csrf.ts'

const redirectSchema = { hide: true, response: { 302: Type.Null() } }

/** What is neither the API nor its documentation: the way in for people, and the CSRF token for browser clients. */
export function addPages(app: FastifyInstance, apiRoot: string): void {
  const isSecure = new URL(apiRoot).protocol === 'https:'

  app.get('/', { schema: redirectSchema }, async (_request, reply) => reply.redirect('/login/', 302))
  // People have no session here: the LMS knows them. What they come for is the documentation.
  app.get('/login', { schema: redirectSchema }, async (request, reply) =>
    reply.redirect(request.url.split('?', 1)[0] === '/login' ? '/login/' : '/api-docs/', 302),
  )

  app.get(
    '/csrf/api/v1/token',
    { schema: { hide: true, response: { 200: Type.Object({ csrfToken: Type.String() }) } } },
    async (request, reply) => {
      const csrfToken = csrfTokenOf(request) ?? createCsrfToken()
      const cookie = app.serializeCookie(csrfCookieName, csrfToken, {
        path: '/',
        maxAge: 31_449_600,
        sameSite: 'lax',
        secure: isSecure,
      })
      reply.headers({ 'set-cookie': cookie, 'cache-control': 'no-store' })
      return { csrfToken }
    },
  )
}
