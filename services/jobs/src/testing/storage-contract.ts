import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DomainError, Reason } from '#kit/errors.ts'
import { type Chunk, readChunkBytes, type Storage } from '../storage/storage.ts'

/** A storage for the suite, empty, and what removes it. */
export type StorageUnderTest = { storage: Storage; stop(): Promise<void> }

/** What every storage promises: one suite for all implementations. */
export function describeStorage(name: string, start: () => Promise<StorageUnderTest>): void {
  describe(name, () => {
    let subject: StorageUnderTest
    let storage: Storage
    const bucket = 'registrar'

    beforeAll(async () => {
      subject = await start()
      storage = subject.storage
    })
    afterAll(() => subject.stop())

    const put = (key: string, ...chunks: Chunk[]) => storage.put(bucket, key, each(chunks))
    const textOf = async (key: string) => (await bytesOf(key)).toString('utf8')
    const bytesOf = async (key: string) => {
      const { size, chunks } = await storage.read(bucket, key)
      const bytes = Buffer.concat(await Array.fromAsync(chunks))
      expect(bytes.length).toBe(size)
      return bytes
    }

    test('an object is what was put, bytes and text alike', async () => {
      await put('a/mixed.bin', 'é', Buffer.from([0, 255]), '', 'z')
      expect(await bytesOf('a/mixed.bin')).toEqual(
        Buffer.concat([Buffer.from('é'), Buffer.from([0, 255]), Buffer.from('z')]),
      )
      await put('a/empty.csv')
      expect(await textOf('a/empty.csv')).toBe('')
    })

    test('a later object takes the place of an earlier one', async () => {
      await put('a/twice', 'a long first text')
      await put('a/twice', 'second')
      expect(await textOf('a/twice')).toBe('second')
    })

    test('a large object comes back whole, in pieces that are not too large', async () => {
      const piece = Buffer.alloc(1_000_003, 'abcdefg')
      await put('a/large', piece, piece, piece, piece, piece, piece, piece)
      const { size, chunks } = await storage.read(bucket, 'a/large')
      let read = 0
      for await (const chunk of chunks) {
        expect(chunk.byteLength).toBeLessThanOrEqual(readChunkBytes)
        read += chunk.byteLength
      }
      expect([size, read]).toEqual([7_000_021, 7_000_021])
    })

    test('reading can be stopped at any time', async () => {
      await put('a/stopped', Buffer.alloc(3_000_000))
      for (let time = 0; time < 20; time++) {
        const { chunks } = await storage.read(bucket, 'a/stopped')
        for await (const chunk of chunks) {
          expect(chunk.byteLength).toBeGreaterThan(0)
          break
        }
      }
    })

    test('chunks are taken no faster than they are stored', async () => {
      let made = 0
      async function* many() {
        for (; made < 200; made++) yield Buffer.alloc(100_000)
      }
      const putting = storage.put(bucket, 'a/slow', many())
      await new Promise(setImmediate)
      expect(made).toBeLessThan(200)
      await putting
      expect(made).toBe(200)
    })

    test('an error of the chunks is passed on and nothing of the object is seen, nor the one before it lost', async () => {
      const failure = new Error('no more')
      async function* broken() {
        yield 'half of '
        throw failure
      }
      await expect(storage.put(bucket, 'broken/new', broken())).rejects.toBe(failure)
      await expectMissing(storage.read(bucket, 'broken/new'))
      await put('broken/old', 'whole')
      await expect(storage.put(bucket, 'broken/old', broken())).rejects.toBe(failure)
      expect(await textOf('broken/old')).toBe('whole')
      expect(await storage.list(bucket, 'broken')).toEqual([{ key: 'broken/old', size: 5 }])
    })

    test('of two that write one object at once, one wins whole', async () => {
      const [a, b] = ['a'.repeat(500_000), 'b'.repeat(500_000)] as const
      await Promise.all([put('a/raced', a), put('a/raced', b), put('a/raced', a), put('a/raced', b)])
      expect([a, b]).toContain(await textOf('a/raced'))
    })

    test('objects are joined in the order given, and stay', async () => {
      await put('parts/1', 'one,')
      await put('parts/2')
      await put('parts/3', Buffer.alloc(600_000, 'x'))
      await storage.join(bucket, ['parts/3', 'parts/1', 'parts/2', 'parts/1'], 'joined/all')
      expect(await textOf('joined/all')).toBe(`${'x'.repeat(600_000)}one,one,`)
      await storage.join(bucket, ['parts/1'], 'joined/all')
      expect(await textOf('joined/all')).toBe('one,')
      expect(await textOf('parts/1')).toBe('one,')
    })

    test('a joined object does not change with its parts', async () => {
      await put('parts/4', 'before')
      await storage.join(bucket, ['parts/4'], 'joined/one')
      await put('parts/4', 'after')
      expect(await textOf('joined/one')).toBe('before')
      await storage.removeFolder(bucket, 'parts')
      expect(await textOf('joined/one')).toBe('before')
    })

    test('nothing is joined when a part is missing', async () => {
      await put('some/1', 'x')
      await expectMissing(storage.join(bucket, ['some/1', 'some/2'], 'joined/none'))
      await expectMissing(storage.join(bucket, ['some/2'], 'joined/none'))
      await expectMissing(storage.read(bucket, 'joined/none'))
    })

    test('a folder lists what lies right in it, by code point', async () => {
      for (const key of ['b', 'a', 'B', 'ü', 'deep/er', '\u{1f600}', '\uffee'])
        await put(`listed/${key}`, key)
      const names = (await storage.list(bucket, 'listed')).map(({ key }) => key)
      expect(names).toEqual(['B', 'a', 'b', 'ü', '\uffee', '\u{1f600}'].map((name) => `listed/${name}`))
      expect(await storage.list(bucket, 'list')).toEqual([])
      expect(await storage.list(bucket, 'not/there')).toEqual([])
      expect(await storage.list('other', 'listed')).toEqual([])
    })

    test('what is removed is gone, and removing it again is fine', async () => {
      await put('gone/1', 'x')
      await put('gone/2/3', 'x')
      await put('gone-not', 'x')
      await storage.remove(bucket, 'gone/1')
      await storage.remove(bucket, 'gone/1')
      await expectMissing(storage.read(bucket, 'gone/1'))
      await storage.removeFolder(bucket, 'gone')
      await storage.removeFolder(bucket, 'gone')
      await expectMissing(storage.read(bucket, 'gone/2/3'))
      expect(await textOf('gone-not')).toBe('x')
    })

    test('a walk comes across every object under a folder, however deep, with its size and time', async () => {
      await put('walked/1', 'x')
      await put('walked/2/3/4', 'long')
      await put('walked-not', 'x')
      const found = await Array.fromAsync(storage.walk(bucket, 'walked'))
      const all = found.map(({ key, size }) => `${key} ${size}`)
      expect(all.toSorted()).toEqual(['walked/1 1', 'walked/2/3/4 4'])
      for (const { modifiedAt } of found)
        expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThan(60_000)
      expect(await Array.fromAsync(storage.walk(bucket, 'not/there'))).toEqual([])
    })

    test('what is being written is not taken for what was left behind', async () => {
      const half = Promise.withResolvers<void>()
      const swept = Promise.withResolvers<void>()
      async function* slow() {
        yield Buffer.alloc(6_000_000, 'a')
        half.resolve()
        await swept.promise
        yield Buffer.alloc(6_000_000, 'b')
      }
      const putting = storage.put(bucket, 'slow/x', slow())
      await half.promise
      expect(await storage.removeUnfinished(bucket, 'slow', 60)).toBe(0)
      swept.resolve()
      await putting
      expect((await storage.read(bucket, 'slow/x')).size).toBe(12_000_000)
      expect(await storage.removeUnfinished(bucket, 'not/there', 0)).toBe(0)
    })

    test.each([
      '../x',
      'a/../../x',
      'a/../x',
      '/etc/hostname',
      'a//b',
      '',
      '.',
      '..',
      'a/',
      'a\0b',
      '..\\x',
      'a/.hidden',
      `a/${'x'.repeat(256)}`,
    ])('no object has the key %j', async (key) => {
      await expectMissing(storage.read(bucket, key))
      await expectMissing(storage.put(bucket, key, each(['x'])))
      await expectMissing(storage.removeFolder(bucket, key))
      await expectMissing(storage.list(bucket, key))
      await expectMissing(storage.read(key, 'a'))
    })
  })
}

async function expectMissing(work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(DomainError)
  expect((error as DomainError).reason).toBe(Reason.OBJECT_NOT_FOUND)
}

async function* each<T>(items: T[]): AsyncGenerator<T> {
  yield* items
}
