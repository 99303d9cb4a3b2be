import { expect, test } from 'vitest'
import { ConfigError } from './config.ts'
import { wantsTraces } from './tracing-settings.ts'

const place = 'http://collector.example:4318'

test.each([
  [{}, false],
  [{ OTEL_SERVICE_NAME: 'registrar', OTEL_TRACES_SAMPLER: 'always_on' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: place }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${place}/v1/traces` }, true],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: place }, false],
  [
    { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: place, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    false,
  ],
])('with %j traces are wanted: %j', (env, isWanted) => {
  expect(wantsTraces(env)).toBe(isWanted)
})

test('what cannot be done is told, all of it together', () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_EXPORTER: 'zipkin',
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_TRACES_SAMPLER_ARG: '10',
  }
  expect(() => wantsTraces(env)).toThrow(ConfigError)
  for (const name of Object.keys(env)) expect(() => wantsTraces(env)).toThrow(`${name} is not usable`)
})
