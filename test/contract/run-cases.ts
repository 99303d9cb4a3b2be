import { expect, test } from 'vitest'
import { type Ask, ask, fill, type Scene } from './ask.ts'

/** One rule of the contract: a request and what has to come back. */
export type Case = Ask & {
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
export const notAcceptable = { detail: 'Could not satisfy the request Accept header.' }
export const notAList = ['expected request body type: List']

export function notAllowed(method: string): { detail: string } {
  return { detail: `Method "${method}" not allowed.` }
}

/** Makes a test of each case. */
export function runCases(scene: () => Scene, cases: Case[]): void {
  test.each(cases.map((each) => [each.name, each] as const))('%s', async (_, each) => {
    const { name: __, status, json, text, answers = {}, ...request } = each
    const { names } = scene()
    const answer = await ask(scene(), request)
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status })
    if (json !== undefined && request.method !== 'HEAD') expect(answer.body).toEqual(fill(names, json))
    if (text !== undefined) expect(answer.text).toBe(fill(names, text))
    for (const [header, value] of Object.entries(answers)) {
      expect([header, answer.headers.get(header)]).toEqual([header, fill(names, value)])
    }
  })
}

/** The same cases under v1 and v2. */
export function inBothVersions(cases: Case[]): Case[] {
  return ['v1', 'v2'].flatMap((version) =>
    cases.map((each) => ({
      ...each,
      name: `${each.name} (${version})`,
      path: each.path.replace('/v1', `/${version}`),
    })),
  )
}
