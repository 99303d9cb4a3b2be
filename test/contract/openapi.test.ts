import { Validator } from '@seriousme/openapi-schema-validator'
import { beforeAll, describe, expect, test } from 'vitest'
import { callRest } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { buildDeclared, type DeclaredRoute, faultBySchema } from './declared.ts'
import { type ApiDocument, type ApiMedia, examplesOf, operationsOf } from './operations.ts'

let document: ApiDocument
let routes: DeclaredRoute[]

beforeAll(async () => {
  const world = await runningWorld()
  document = (await callRest(`${world.addresses.gateway}/api-docs/openapi.json`)).body as ApiDocument
  routes = (await buildDeclared()).routes
})

test('the document is OpenAPI 3.1, says a public validator', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(
    structuredClone(document) as unknown as Record<string, unknown>,
  )
  expect(errors ?? []).toEqual([])
  expect([valid, validator.version]).toEqual([true, '3.1'])
})

test('it has every route that is not hidden, with every status', () => {
  const documented = operationsOf(document).map(
    ({ method, path, responses }) => `${method} ${path} ${Object.keys(responses).sort()}`,
  )
  const served = routes
    .filter(({ isHidden }) => !isHidden)
    .map(({ method, url, responses }) => `${method} ${url} ${Object.keys(responses).sort()}`)
  expect(documented.sort()).toEqual([...new Set(served)].sort())
})

test('it hides what partners have no business with, and nothing else', () => {
  const hidden = new Set(
    routes
      .filter(({ isHidden, method }) => isHidden && ['GET', 'POST', 'PATCH', 'DELETE'].includes(method))
      .map(({ url }) => url),
  )
  const shown = new Set(operationsOf(document).map(({ path }) => path))
  expect([...hidden].filter((url) => !shown.has(url)).sort()).toEqual([
    '/',
    '/api-docs',
    '/api-docs/js/scalar.js',
    '/api-docs/openapi.json',
    '/api/internal/cache',
    '/api/internal/cache/{program_key}',
    '/api/media/*',
    '/csrf/api/v1/token',
    '/login',
  ])
})

describe('each operation', () => {
  test('has a summary, a tag and a description of every parameter', () => {
    for (const { method, path, operation } of operationsOf(document)) {
      const { summary, tags, parameters = [] } = operation
      expect([
        `${method} ${path}`,
        typeof summary,
        tags?.length,
        parameters.every((each) => each.description),
      ]).toEqual([`${method} ${path}`, 'string', 1, true])
    }
  })

  test('has for every status a description, and an example that its own schema allows', () => {
    const faults: string[] = []
    for (const { method, path, responses } of operationsOf(document)) {
      for (const [status, { description, content }] of Object.entries(responses)) {
        const where = `${method} ${path} ${status}`
        if (!description) faults.push(`${where} has no description`)
        for (const media of Object.values(content ?? {})) faults.push(...faultsInExamples(where, media))
      }
    }
    expect(faults).toEqual([])
  })

  test('that takes JSON has an example of it that its own schema allows', () => {
    const faults = operationsOf(document).flatMap(({ method, path, operation }) => {
      const media = operation.requestBody?.content['application/json']
      return media === undefined ? [] : faultsInExamples(`${method} ${path}`, media)
    })
    expect(faults).toEqual([])
  })
})

function faultsInExamples(where: string, media: ApiMedia): string[] {
  const examples = examplesOf(media)
  if (examples.length === 0) return [`${where} has no example`]
  return examples.flatMap(({ schema, value }) => {
    const fault = faultBySchema(schema, value)
    return fault === undefined ? [] : [`${where}: ${JSON.stringify(value)} ${fault}`]
  })
}
