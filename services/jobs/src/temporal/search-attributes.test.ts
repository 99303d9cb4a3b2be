import type { Connection } from '@temporalio/client'
import { beforeEach, expect, test } from 'vitest'
import { createLogger } from '#kit/logger.ts'
import { createSearchAttributeRegistry } from './search-attributes.ts'

// Temporal as it is where we may not register anything: at its RPCs.
const denied = Object.assign(new Error('denied'), { code: 7 })
const away = Object.assign(new Error('away'), { code: 14 })

let known: Record<string, number>
let failures: { list?: Error; add?: Error }
let calls: string[]
let warnings: { command?: string }[]
let nowMs: number

beforeEach(() => {
  known = {}
  failures = {}
  calls = []
  warnings = []
  nowMs = 0
})

function createRegistry() {
  const operatorService = {
    async listSearchAttributes() {
      calls.push('list')
      if (failures.list !== undefined) throw failures.list
      return { customAttributes: known }
    },
    async addSearchAttributes({ searchAttributes }: { searchAttributes: Record<string, number> }) {
      calls.push('add')
      if (failures.add !== undefined) throw failures.add
      Object.assign(known, searchAttributes)
    },
  }
  const logger = createLogger('test', 'silent')
  logger.warn = ((about: { command?: string }) => void warnings.push(about)) as typeof logger.warn
  const connection = { operatorService } as unknown as Connection
  return createSearchAttributeRegistry({ connection, namespace: 'school', logger, nowMs: () => nowMs })
}

test('what is missing is registered, once', async () => {
  known = { RegistrarUser: 2, SomeoneElses: 1 }
  const registry = createRegistry()
  expect(await Promise.all([registry.ensure(), registry.ensure()])).toEqual([true, true])
  expect(await registry.ensure()).toBe(true)
  expect(calls).toEqual(['list', 'add'])
  expect(Object.keys(known).toSorted()).toEqual([
    ...[
      'RegistrarJobKind',
      'RegistrarOrganizationKey',
      'RegistrarProgramKey',
      'RegistrarUser',
      'SomeoneElses',
    ],
  ])
})

test('where registering is not allowed one warning tells the command, and jobs run without', async () => {
  failures.add = denied
  const registry = createRegistry()
  expect(await registry.ensure()).toBe(false)
  expect(await registry.ensure()).toBe(false)
  expect(warnings.map(({ command }) => command)).toEqual([
    'temporal operator search-attribute create --namespace school --name RegistrarProgramKey --type Keyword' +
      ' --name RegistrarOrganizationKey --type Keyword --name RegistrarUser --type Keyword --name RegistrarJobKind --type Keyword',
  ])
  expect(calls).toEqual(['list', 'add'])
})

test('after somebody ran the command they are used within a minute', async () => {
  failures.add = denied
  const registry = createRegistry()
  expect(await registry.ensure()).toBe(false)
  known = { RegistrarUser: 2, RegistrarJobKind: 2, RegistrarProgramKey: 2, RegistrarOrganizationKey: 2 }
  nowMs = 60_001
  expect(await registry.ensure()).toBe(true)
  expect(warnings).toHaveLength(1)
})

test('who may not look tries them all the same, and does without when they are refused', async () => {
  failures = { list: denied, add: denied }
  const registry = createRegistry()
  expect(await registry.ensure()).toBe(true)
  registry.forget()
  expect(await registry.ensure()).toBe(false)
  expect(warnings).toHaveLength(1)
})

test('nothing is concluded from that Temporal is away', async () => {
  failures.list = away
  const registry = createRegistry()
  await expect(registry.ensure()).rejects.toBe(away)
  failures = {}
  expect(await registry.ensure()).toBe(true)
  expect(warnings).toEqual([])
})
