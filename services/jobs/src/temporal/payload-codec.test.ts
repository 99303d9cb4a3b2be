import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { ConfigError } from '#kit/config.ts'
import { type CodecKey, readCodecKeys } from './codec-keys.ts'
import { createPayloadCodec, createPayloadCodecs, type Payload } from './payload-codec.ts'

const key = (id: string): CodecKey => ({ id, secret: randomBytes(32) })
const payload = (data: string): Payload => ({
  metadata: { encoding: Buffer.from('json/plain'), other: Buffer.from([0, 255]) },
  data: Buffer.from(data),
})
const textOf = (value: unknown) =>
  JSON.stringify(value, (_, each) => (Buffer.isBuffer(each) ? each.toString('latin1') : each))

test('what was encrypted comes back to the byte, and looks different each time', async () => {
  const codec = createPayloadCodec({ current: key('k1'), old: [] })
  const given = [payload('"masters"'), payload(''), { metadata: { encoding: Buffer.from('binary/null') } }]
  const [sealed, again] = [await codec.encode(given), await codec.encode(given)]
  expect(Buffer.from(sealed[0]?.data ?? []).includes('masters')).toBe(false)
  expect(sealed[0]?.data).not.toEqual(again[0]?.data)
  expect(String(sealed[0]?.metadata?.['encryption-key-id'])).toBe('k1')
  expect(textOf(await codec.decode(sealed))).toBe(
    textOf([...given.slice(0, 2), { ...given[2], data: Buffer.alloc(0) }]),
  )
})

test('what a workflow without a result returns is encrypted, too', async () => {
  const codec = createPayloadCodec({ current: key('k1'), old: [] })
  const nothing = { metadata: { encoding: Buffer.from('binary/null') }, data: [] as unknown as Uint8Array }
  expect(await codec.decode(await codec.encode([nothing]))).toEqual([{ ...nothing, data: Buffer.alloc(0) }])
})

test('a key that was replaced still reads; one that is gone does not', async () => {
  const [first, second] = [key('k1'), key('k2')]
  const old = await createPayloadCodec({ current: first, old: [] }).encode([payload('"a"')])
  const rotated = createPayloadCodec({ current: second, old: [first] })
  expect(String((await rotated.decode(old))[0]?.data)).toBe('"a"')
  expect(String((await rotated.encode([payload('"b"')]))[0]?.metadata?.['encryption-key-id'])).toBe('k2')
  await expect(createPayloadCodec({ current: second, old: [] }).decode(old)).rejects.toThrow('the key "k1"')
})

test('what was not encrypted is read as it is', async () => {
  const plain = [payload('"from before there was a key"')]
  expect(await createPayloadCodec({ current: key('k1'), old: [] }).decode(plain)).toEqual(plain)
  expect(createPayloadCodecs(undefined)).toEqual([])
})

test('what was tampered with is not read', async () => {
  const [first, second] = [key('k1'), key('k2')]
  const codec = createPayloadCodec({ current: first, old: [{ ...second, secret: first.secret }] })
  const [sealed] = (await codec.encode([payload('"a"')])) as [Payload]
  const data = Buffer.from(sealed.data ?? [])
  for (const at of [0, 12, data.length - 1]) {
    const bent = Buffer.from(data)
    bent[at] = (bent[at] as number) ^ 1
    await expect(codec.decode([{ ...sealed, data: bent }])).rejects.toThrow()
  }
  await expect(codec.decode([{ ...sealed, data: data.subarray(0, 10) }])).rejects.toThrow('cut off')
  const renamed = { ...sealed.metadata, 'encryption-key-id': Buffer.from('k2') }
  await expect(codec.decode([{ ...sealed, metadata: renamed }])).rejects.toThrow()
})

const secret = randomBytes(32).toString('base64')

test('keys come from settings, each with its id', () => {
  expect(readCodecKeys({ TEMPORAL_CODEC_KEY: undefined, TEMPORAL_CODEC_OLD_KEYS: undefined })).toBeUndefined()
  const keys = readCodecKeys({
    TEMPORAL_CODEC_KEY: `2027:${secret}`,
    TEMPORAL_CODEC_OLD_KEYS: `2026:${secret}, 2025:${secret}`,
  })
  expect(keys?.current).toEqual({ id: '2027', secret: Buffer.from(secret, 'base64') })
  expect(keys?.old.map(({ id }) => id)).toEqual(['2026', '2025'])
})

test.each([
  ['TEMPORAL_CODEC_KEY has another form', secret, undefined],
  ['TEMPORAL_CODEC_KEY has another form', `k1:${secret.slice(4)}`, undefined],
  ['TEMPORAL_CODEC_KEY has another form', `k 1:${secret}`, undefined],
  ['TEMPORAL_CODEC_OLD_KEYS has another form', `k2:${secret}`, `k1:${secret};k0:${secret}`],
  ['TEMPORAL_CODEC_OLD_KEYS is ambiguous', `k1:${secret}`, `k1:${secret}`],
  ['TEMPORAL_CODEC_KEY is missing', undefined, `k1:${secret}`],
])('%s', (fault, current, old) => {
  const read = () => readCodecKeys({ TEMPORAL_CODEC_KEY: current, TEMPORAL_CODEC_OLD_KEYS: old })
  expect(read).toThrow(ConfigError)
  expect(read).toThrow(fault)
  // The fault does not tell the secret.
  expect(read).not.toThrow(secret.slice(4))
})
