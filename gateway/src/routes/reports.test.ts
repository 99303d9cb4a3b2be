import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Case, notPermitted, program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'
import { runCases } from '../testing/run-cases.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.reset())

const path = `${program}/reports`
const cases: Case[] = [
  { name: 'no reports', path, as: 'owner', status: 200, text: '[]' },
  { name: 'no permission', path, as: 'reader', status: 403, json: notPermitted },
  {
    name: 'a missing permission beats a date that cannot be',
    path: `${path}?min_created_date=x`,
    as: 'reader',
    status: 403,
    json: notPermitted,
  },
  ...['', 'x', '2019-13-01', '2019-02-30', '2019-01-01T00:00', '19-1-1', '2019-001-01'].map((date) => ({
    name: `the date "${date}" cannot be`,
    path: `${path}?min_created_date=${date}`,
    as: 'owner',
    status: 400,
    json: ['expected min_created_date to be a date of the form YYYY-MM-DD'],
  })),
]
describe('reports', () => runCases(() => gateway, cases))

test('a report has its fields in order', async () => {
  gateway.world.reports = [{ name: 'a__2019-1-5.txt', createdDate: '2019-01-05', downloadUrl: 'http://x/a' }]
  const { text } = await gateway.send({ path, as: 'owner' })
  expect(text).toBe('[{"name":"a__2019-1-5.txt","created_date":"2019-01-05","download_url":"http://x/a"}]')
})

test.each([
  ['', ''],
  ['?min_created_date=2020-02-29', '2020-02-29'],
  ['?min_created_date=2019-1-5', '2019-01-05'],
])('the query "%s" asks for "%s"', async (query, minCreatedDate) => {
  await gateway.send({ path: path + query, as: 'owner' })
  expect(gateway.world.calls).toMatchObject([{ rpc: 'ListReports', message: { minCreatedDate } }])
})
