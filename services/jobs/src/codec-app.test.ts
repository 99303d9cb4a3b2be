import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createTestAuthority, writeCertificates } from '#kit/testing/certificates.ts'
import { openTlsFiles } from '#kit/tls-files.ts'
import { createCodecApp } from './codec-app.ts'

const logger = pino({ level: 'silent' })

test('with a certificate it speaks HTTPS', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  const authority = await createTestAuthority()
  const { cert, key } = await writeCertificates(folder, await authority.issue())
  const tls = openTlsFiles(
    {
      cert: { setting: 'CODEC_SERVER_TLS_CERT_FILE', path: cert },
      key: { setting: 'CODEC_SERVER_TLS_KEY_FILE', path: key },
    },
    logger,
  )
  const codec = {
    encode: async (payloads: never[]) => payloads,
    decode: async (payloads: never[]) => payloads,
  }
  const app = await createCodecApp({
    codec,
    authorize: async () => {},
    origin: 'https://ui.test',
    tls,
    logger,
  })
  try {
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const headers = { 'content-type': 'application/json' }
    const answer = new Promise<string>((resolve, reject) => {
      request(`${url}/decode`, { method: 'POST', ca: authority.cert, headers })
        .on('response', (response) => resolve(text(response)))
        .on('error', reject)
        .end('{"payloads":[]}')
    })
    expect(url).toMatch(/^https:/)
    expect(await answer).toBe('{"payloads":[]}')
  } finally {
    await app.close()
    await rm(folder, { recursive: true })
  }
})
