import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from '../testing/cases.ts'
import { startTestGateway, type TestGateway } from '../testing/gateway.ts'

const preflight = {
  'access-control-request-method': 'PATCH',
  'access-control-request-headers': 'use-jwt-cookie',
}
const corsOf = (headers: Headers) => [...headers].filter(([name]) => name.startsWith('access-control-'))

describe('with an origin listed', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway()
  })
  afterAll(() => gateway.close())

  test('its preflight is answered without a login', async () => {
    const { status, text, headers } = await gateway.send({
      method: 'OPTIONS',
      path: `${program}/enrollments`,
      headers: { origin: 'https://console.test', ...preflight },
    })
    expect([status, text]).toEqual([200, ''])
    expect(headers.get('access-control-allow-origin')).toBe('https://console.test')
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('access-control-allow-headers')).toContain('use-jwt-cookie')
    expect(headers.get('access-control-allow-methods')).toContain('PATCH')
  })

  test('its page may read answers, errors too', async () => {
    for (const as of ['owner', undefined]) {
      const { headers } = await gateway.send({
        path: program,
        as,
        headers: { origin: 'https://console.test' },
      })
      expect(headers.get('access-control-allow-origin')).toBe('https://console.test')
      expect(headers.get('access-control-allow-credentials')).toBe('true')
      expect(headers.get('access-control-expose-headers')).toContain('Location')
      expect(headers.get('vary')).toBe('Accept, Accept-Language, origin')
    }
  })

  test('another origin may not', async () => {
    for (const request of [
      { path: program, as: 'owner' },
      { method: 'OPTIONS', path: program, headers: preflight },
    ]) {
      const { status, headers } = await gateway.send({
        ...request,
        headers: { ...request.headers, origin: 'https://evil.test' },
      })
      expect(status).toBe(200)
      expect(corsOf(headers)).toEqual([])
    }
  })

  test('OPTIONS that is no preflight wants a login', async () => {
    expect((await gateway.send({ method: 'OPTIONS', path: program })).status).toBe(401)
    expect(
      (await gateway.send({ method: 'OPTIONS', path: program, headers: { origin: 'https://console.test' } }))
        .status,
    ).toBe(401)
  })
})

describe('with no origin listed', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway({ corsOrigins: [] })
  })
  afterAll(() => gateway.close())

  test('a preflight is 200 and allows nothing', async () => {
    const { status, text, headers } = await gateway.send({
      method: 'OPTIONS',
      path: program,
      headers: { origin: 'https://console.test', ...preflight },
    })
    expect([status, text, corsOf(headers)]).toEqual([200, '', []])
  })
})
