import { makeValidator } from 'envalid'
import { ConfigError, collectConfig } from './config.ts'
import { flag, oneOf, optionalHttpUrl } from './settings.ts'

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

const ratio = makeValidator<number>((input) => {
  if (!(Number(input) >= 0 && Number(input) <= 1)) throw new Error('out of bounds')
  return Number(input)
})

// The rest OpenTelemetry's SDK reads by itself: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_HEADERS,
// OTEL_EXPORTER_OTLP_TIMEOUT, certificates, batches and limits.
const placeSpecs = {
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalHttpUrl(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optionalHttpUrl(),
}
const switchSpecs = {
  OTEL_SDK_DISABLED: flag(false),
}
const senderSpecs = (hasPlace: boolean) => ({
  OTEL_TRACES_EXPORTER: oneOf(['otlp', 'none'], hasPlace ? 'otlp' : 'none'),
  OTEL_EXPORTER_OTLP_PROTOCOL: oneOf(['http/protobuf'], 'http/protobuf'),
  OTEL_TRACES_SAMPLER: oneOf(samplers, 'parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: ratio({ desc: 'a number from 0 to 1', default: 1 }),
})

/**
 * Whether traces are wanted: when it is told where to send them, or that they are to be sent, and nothing says no. ConfigError when
 * that cannot be done as it is set.
 */
export function wantsTraces(env: NodeJS.ProcessEnv): boolean {
  const faults: string[] = []
  const isOff = collectConfig(env, switchSpecs, faults).OTEL_SDK_DISABLED
  if (isOff) return false
  const places = collectConfig(env, placeSpecs, faults)
  const hasPlace = Object.values(places).some((place) => place !== undefined)
  const sender = collectConfig(env, senderSpecs(hasPlace), faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return sender.OTEL_TRACES_EXPORTER === 'otlp'
}
