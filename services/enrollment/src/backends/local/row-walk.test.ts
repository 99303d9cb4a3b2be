import { describe, expect, test } from 'vitest'
import type { Slice } from '../../store/statements.ts'
import { walkRows } from './row-walk.ts'

/** A list of so many rows, with a note of what was fetched from it. */
function makeList(count: number) {
  const fetched: Slice[] = []
  return {
    fetched,
    async fetch(slice: Slice) {
      fetched.push(slice)
      const first = Number(slice.after) + 1
      const size = Math.max(0, Math.min(slice.count, count - first + 1))
      return Array.from({ length: size }, (_, i) => ({ id: String(first + i) }))
    },
  }
}

function reading(more: { pageToken?: string; limit?: number; signal?: AbortSignal } = {}) {
  return { pageToken: '', limit: 0, signal: new AbortController().signal, ...more }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('walking', () => {
  test('fetches one batch ahead of a slow consumer and no more', async () => {
    const list = makeList(10_000)
    const walk = walkRows(['list'], reading(), list.fetch)
    for (let taken = 1; taken <= 5; taken++) {
      await walk.next()
      await settle()
      expect(list.fetched).toHaveLength(taken + 1)
    }
    await walk.return(undefined)
    await settle()
    expect(list.fetched).toHaveLength(6)
  })

  test('fetches nothing before it is asked, and nothing behind the end or the limit', async () => {
    const list = makeList(1_500)
    const walk = walkRows(['list'], reading(), list.fetch)
    await settle()
    expect(list.fetched).toEqual([])
    for await (const _ of walk);
    expect(list.fetched.map(({ after }) => after)).toEqual(['0', '1000'])
    const limited = makeList(10_000)
    for await (const _ of walkRows(['list'], reading({ limit: 1_200 }), limited.fetch));
    expect(limited.fetched).toEqual([
      { after: '0', count: 1_001 },
      { after: '1000', count: 201 },
    ])
  })

  test('stops at a signal with its reason', async () => {
    const list = makeList(10_000)
    const abort = new AbortController()
    const walk = walkRows(['list'], reading({ signal: abort.signal }), list.fetch)
    await walk.next()
    abort.abort(new Error('the caller left'))
    await expect(walk.next()).rejects.toThrow('the caller left')
    await settle()
    expect(list.fetched).toHaveLength(2)
  })

  test('passes on what breaks a fetch, also one that nobody waits for any more', async () => {
    let calls = 0
    const fetch = async ({ count }: Slice) => {
      if (++calls > 1) throw new Error('the database is away')
      return Array.from({ length: count }, (_, i) => ({ id: String(i + 1) }))
    }
    const walk = walkRows(['list'], reading(), fetch)
    await walk.next()
    await settle()
    await expect(walk.next()).rejects.toThrow('the database is away')
    calls = 0
    const left = walkRows(['list'], reading(), fetch)
    await left.next()
    await left.return(undefined)
    await settle()
  })
})
