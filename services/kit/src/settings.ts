import { makeValidator, type OptionalValidatorSpec, type RequiredValidatorSpec, str } from 'envalid'

/** Where the parts of the system listen on one machine when nothing is set. */
export const defaultPorts = {
  gateway: 18734,
  'access-control': 18741,
  catalog: 18742,
  enrollment: 18743,
  jobs: 18744,
  postgres: 18745,
} as const

/** The services that a process may call. */
export type PeerName = 'access-control' | 'catalog' | 'enrollment' | 'jobs'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** A TCP port. */
export function port(fallback: number): RequiredValidatorSpec<number> {
  const parse = makeValidator<number>((input) => numberWithin(input, 1, 65_535))
  return parse({ desc: 'a free port from 1 to 65535', default: fallback })
}

/** A TCP port that may be left out. */
export function optionalPort(): OptionalValidatorSpec<number> {
  const parse = makeValidator<number>((input) => numberWithin(input, 1, 65_535))
  return parse({ desc: 'a free port from 1 to 65535', default: undefined })
}

/** A whole number within bounds. */
export function wholeNumber(wanted: {
  min: number
  max: number
  default: number
  unit?: string
}): RequiredValidatorSpec<number> {
  const { min, max, unit } = wanted
  const parse = makeValidator<number>((input) => numberWithin(input, min, max))
  const desc = `a whole number${unit === undefined ? '' : ` of ${unit}`} from ${min} to ${max}`
  return parse({ desc, default: wanted.default })
}

/** `true` or `false`. */
export function flag(fallback: boolean): RequiredValidatorSpec<boolean> {
  const parse = makeValidator<boolean>((input) => {
    if (!/^(true|false)$/i.test(input)) throw new Error('neither')
    return input.toLowerCase() === 'true'
  })
  return parse({ desc: 'true or false', default: fallback })
}

/** A text, with the value it has when nothing is set. */
export function text(desc: string, fallback: string): RequiredValidatorSpec<string> {
  return str({ desc, default: fallback })
}

/** A text that may be left out. */
export function optionalText(desc: string): OptionalValidatorSpec<string> {
  return str({ desc, default: undefined })
}

/** A text that must be set. */
export function requiredText(desc: string): RequiredValidatorSpec<string> {
  return str({ desc })
}

/** One of a few words. */
export function oneOf<const W extends string>(
  words: readonly W[],
  fallback: NoInfer<W>,
): RequiredValidatorSpec<W> {
  const parse = makeValidator<W>((input) => {
    const word = words.find((each) => each === input)
    if (word === undefined) throw new Error('none of them')
    return word
  })
  return parse({
    desc: `one of ${words.join(', ')}`,
    default: fallback as NonNullable<W>,
  }) as RequiredValidatorSpec<W>
}

const parseHttpUrl = makeValidator<string>((input) => {
  if (!/^https?:$/.test(new URL(input).protocol)) throw new Error('not http')
  return input.replace(/\/+$/, '')
})
const httpUrlWanted = 'a URL that starts with http:// or https://'

/** An http or https URL, kept without a slash at its end. */
export function httpUrl(fallback: string): RequiredValidatorSpec<string> {
  return parseHttpUrl({ desc: httpUrlWanted, default: fallback })
}

/** An http or https URL that must be set. */
export function requiredHttpUrl(): RequiredValidatorSpec<string> {
  return parseHttpUrl({ desc: httpUrlWanted })
}

/** An http or https URL that may be left out. */
export function optionalHttpUrl(): OptionalValidatorSpec<string> {
  return parseHttpUrl({ desc: httpUrlWanted, default: undefined })
}

export const postgresUrlWanted = 'a PostgreSQL URL, postgresql://user:password@host:5432/database'

/** The address of a PostgreSQL database that may be left out. */
export function optionalPostgresUrl(): OptionalValidatorSpec<string> {
  const parse = makeValidator<string>((input) => {
    const { protocol, hostname } = new URL(input)
    if (!/^postgres(ql)?:$/.test(protocol) || hostname === '') throw new Error('not postgresql')
    return input
  })
  return parse({ desc: postgresUrlWanted, default: undefined })
}

/** JSON of a certain form that may be left out. */
export function optionalJson<T>(desc: string, isValid: (value: T) => boolean): OptionalValidatorSpec<T> {
  const parse = makeValidator<T>((input) => {
    const value = JSON.parse(input) as T
    if (typeof value !== 'object' || value === null || !isValid(value)) throw new Error('of another form')
    return value
  })
  return parse({ desc, default: undefined }) as OptionalValidatorSpec<T>
}

/** Where a process tells its metrics and whether it is ready: nowhere until a port is set, for all processes or for one. */
export const metricsSpecs = {
  METRICS_HOST: text('the address to tell metrics on, such as 127.0.0.1 or 0.0.0.0', '127.0.0.1'),
  METRICS_PORT: optionalPort(),
  GATEWAY_METRICS_PORT: optionalPort(),
  ACCESS_CONTROL_METRICS_PORT: optionalPort(),
  CATALOG_METRICS_PORT: optionalPort(),
  ENROLLMENT_METRICS_PORT: optionalPort(),
  JOBS_METRICS_PORT: optionalPort(),
  JOBS_WORKER_METRICS_PORT: optionalPort(),
  CODEC_SERVER_METRICS_PORT: optionalPort(),
}

/** For how long a process that was told to stop goes on as before, only that it is not ready. */
export const shutdownSpecs = {
  SHUTDOWN_DELAY: wholeNumber({ min: 0, max: 300, default: 0, unit: 'seconds' }),
}

/** The settings that every process has. */
export const commonSpecs = {
  LOG_LEVEL: oneOf(logLevels, 'info'),
  REGISTRAR_DATA_DIR: text('a folder that the process may write to', '.registrar'),
  ...metricsSpecs,
  ...shutdownSpecs,
}

/** `access-control` → `ACCESS_CONTROL`: how a part is named in the environment. */
export function settingPrefixOf(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}

function numberWithin(input: string, min: number, max: number): number {
  const value = Number(input)
  if (!/^-?\d+$/.test(input) || value < min || value > max) throw new Error('out of bounds')
  return value
}
