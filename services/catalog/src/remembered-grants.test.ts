import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { connectAnonymously, startTestCatalog, type TestCatalog } from './testing/catalog.ts'

const given = { global: [Permission.READ_METADATA] }

/** One token of a user from whom everything is taken between two looks. */
async function lookTwice(catalog: TestCatalog, username: string) {
  catalog.as(username, given)
  const token = await catalog.tokens.mint({ preferred_username: username })
  const options = { headers: { authorization: `Bearer ${token}` } }
  const client = connectAnonymously(catalog.url)
  const list = async () => (await client.listPrograms({}, options)).totalSize
  const read = async () => (await client.getProgram({ key: 'cs' }, options)).program?.permissions
  const before = [await list(), await read()]
  catalog.as(username, {})
  return { before, after: [await list(), await read()] }
}

describe.each([
  ['0', 0],
  ['60', 1],
])('with GRANTS_CACHE_TIMEOUT=%s', (seconds, listed) => {
  let catalog: TestCatalog
  beforeAll(async () => {
    catalog = await startTestCatalog({ GRANTS_CACHE_TIMEOUT: seconds })
    await catalog.makeOrganization('stem')
    await catalog.makeProgram('cs', 'stem')
  })
  afterAll(() => catalog.stop())

  test(`a list shows ${listed} programs after everything was taken from its caller, one program shows nothing`, async () => {
    const { before, after } = await lookTwice(catalog, 'partner')
    expect(before).toEqual([1, [Permission.READ_METADATA]])
    expect(after).toEqual([listed, []])
  })

  test('a list is that of its own caller', async () => {
    await lookTwice(catalog, 'first')
    expect((await catalog.as('second').listPrograms({})).totalSize).toBe(0)
  })
})
