import { expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { readUpstream, upstreamSpecs } from './upstream-settings.ts'

const credentials = {
  BACKEND_SERVICE_EDX_OAUTH2_KEY: 'client',
  BACKEND_SERVICE_EDX_OAUTH2_SECRET: 'secret',
}

function read(env: Record<string, string>, name: 'LMS_BASE_URL' | 'DISCOVERY_BASE_URL') {
  return readUpstream(readConfig(env, upstreamSpecs(env, name)), name)
}

test('without its address an upstream is not used, and nothing else is needed', () => {
  expect(read({}, 'LMS_BASE_URL')).toBeUndefined()
  expect(read({ LMS_BASE_URL: 'http://lms' }, 'DISCOVERY_BASE_URL')).toBeUndefined()
})

test('tokens come from the LMS unless another provider is named', () => {
  const env = { ...credentials, LMS_BASE_URL: 'https://lms.example.org/', DISCOVERY_BASE_URL: 'https://d' }
  expect(read(env, 'LMS_BASE_URL')).toEqual({
    baseUrl: 'https://lms.example.org',
    credentials: { key: 'client', secret: 'secret', providerUrl: 'https://lms.example.org/oauth2' },
  })
  const provider = { BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL: 'https://login.example.org/oauth2/' }
  expect(read({ ...env, ...provider }, 'DISCOVERY_BASE_URL')).toEqual({
    baseUrl: 'https://d',
    credentials: { key: 'client', secret: 'secret', providerUrl: 'https://login.example.org/oauth2' },
  })
})

test('a missing credential is one sentence', () => {
  const env = { LMS_BASE_URL: 'http://lms', BACKEND_SERVICE_EDX_OAUTH2_KEY: 'client' }
  expect(() => read(env, 'LMS_BASE_URL')).toThrow(
    /^BACKEND_SERVICE_EDX_OAUTH2_SECRET is missing: set it to the secret of this system's OAuth2 client in the LMS, or unset LMS_BASE_URL\.$/,
  )
})

test('where tokens come from has to be known', () => {
  expect(() => read({ ...credentials, DISCOVERY_BASE_URL: 'http://d' }, 'DISCOVERY_BASE_URL')).toThrow(
    /^BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL is missing: set it to a URL that starts with http/,
  )
})
