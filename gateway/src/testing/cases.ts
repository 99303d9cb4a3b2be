import type { TestRequest } from './gateway.ts'

/** One rule of the contract: a request and what has to come back. */
export type Case = TestRequest & {
  name: string
  status: number
  /** The body as JSON. */
  json?: unknown
  /** The body to the byte. */
  text?: string
  /** Headers to the byte; null for one that must not be there. */
  answers?: Record<string, string | null>
}

export const notFound = { detail: 'Not found.' }
export const notPermitted = { detail: 'You do not have permission to perform this action.' }
export const notProvided = { detail: 'Authentication credentials were not provided.' }
export const notAList = ['expected request body type: List']

export function notAllowed(method: string): { detail: string } {
  return { detail: `Method "${method}" not allowed.` }
}

export const program = '/api/v1/programs/masters-in-cs'
export const course = `${program}/courses/course-v1:Org+Course+Run`
