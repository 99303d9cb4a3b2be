import { expect, test } from 'vitest'
import type { Case } from './cases.ts'
import type { TestGateway } from './gateway.ts'

/** Makes a test of each case. */
export function runCases(gateway: () => TestGateway, cases: Case[]): void {
  test.each(cases)('$name', async ({ name: _, status, json, text, answers = {}, ...request }) => {
    const answer = await gateway().send(request)
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status })
    if (json !== undefined && request.method !== 'HEAD') expect(answer.json).toEqual(json)
    if (text !== undefined) expect(answer.text).toBe(text)
    for (const [header, value] of Object.entries(answers)) expect(answer.headers.get(header)).toBe(value)
  })
}
