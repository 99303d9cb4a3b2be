import { expect, test } from 'vitest'
import { createCsrfToken, isCsrfSafe } from './csrf.ts'

const token = createCsrfToken()
const request = (headers: Record<string, string>) =>
  ({
    headers: { cookie: 'c', 'x-csrftoken': token, ...headers },
    server: { parseCookie: () => ({ registrar_csrftoken: token }) },
  }) as unknown as Parameters<typeof isCsrfSafe>[0]

test('where the API is on https, a request that hides its origin is not trusted', () => {
  expect(isCsrfSafe(request({}), ['https://a.test'], true)).toBe(false)
  expect(isCsrfSafe(request({ origin: 'https://a.test' }), ['https://a.test'], true)).toBe(true)
  expect(isCsrfSafe(request({ origin: 'http://a.test' }), ['https://a.test'], true)).toBe(false)
  expect(isCsrfSafe(request({}), ['http://a.test'], false)).toBe(true)
})
