import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())

const json = 'application/json'
const html = 'text/html; charset=utf-8'
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

describe('Accept and format', () => {
  test.each([
    ['*/*', '', json],
    ['', '', json],
    ['application/*', '', json],
    ['application/json; indent=4', '', json],
    ['Application/JSON', '', json],
    ['text/csv, */*;q=0.1', '', json],
    ['text/html, application/json', '', json],
    [browser, '', html],
    ['text/*', '', html],
    ['*/*', '?format=api', html],
    [browser, '?format=json', json],
    ['*/*', '?format=', json],
    ['*/*', '?format=xml&format=json', json],
  ])('Accept "%s" with "%s" gives %s', async (accept, query, type) => {
    const answer = await gateway.send({ path: program + query, as: 'owner', headers: { accept } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type])
  })

  test.each([
    ['text/csv', ''],
    ['application/xml', ''],
    ['nonsense', ''],
    ['text/html', '?format=json'],
  ])('Accept "%s" with "%s" is 406', async (accept, query) => {
    const answer = await gateway.send({ path: program + query, headers: { accept } })
    expect([answer.status, answer.json]).toEqual([
      406,
      { detail: 'Could not satisfy the request Accept header.' },
    ])
  })

  test('what a browser is shown cannot run', async () => {
    gateway.world.programs['masters-in-cs'] = { key: 'masters-in-cs', title: '<script>alert("1")</script>' }
    const { text } = await gateway.send({ path: program, as: 'owner', headers: { accept: browser } })
    expect(text).toContain('masters-in-cs')
    expect(text).not.toContain('<script>')
    gateway.reset()
  })

  test('errors keep their status for a browser', async () => {
    const answer = await gateway.send({ path: program, headers: { accept: browser } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([401, html])
    expect(answer.text).toContain('Authentication credentials were not provided.')
  })
})
