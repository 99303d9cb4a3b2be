import {
  customCleanEnv,
  type OptionalValidatorSpec,
  type RequiredValidatorSpec,
  type ValidatorSpec,
} from 'envalid'

/** Settings that cannot be used. The message holds a sentence for each fault, one a line, that says what to set. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: string | readonly string[]) {
    const list = typeof faults === 'string' ? [faults] : faults
    super(list.join('\n'))
    this.name = 'ConfigError'
    this.faults = list
  }
}

/**
 * What a process reads from its environment: envalid validators by the name of the variable. `desc` completes the sentence
 * "NAME is missing: set it to …".
 */
export type Specs = Record<string, ValidatorSpec<unknown>>

/** The values that `readConfig` returns for its specs. */
export type Values<S extends Specs> = Readonly<{
  [K in keyof S]: S[K] extends OptionalValidatorSpec<infer T>
    ? T | undefined
    : S[K] extends RequiredValidatorSpec<infer T>
      ? T
      : never
}>

/** Reads the environment once. Throws one ConfigError for all faults together; a variable set to nothing counts as not set. */
export function readConfig<S extends Specs>(env: NodeJS.ProcessEnv, specs: S): Values<S> {
  const faults: string[] = []
  const values = collectConfig(env, specs, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return values
}

/** `readConfig` that adds the faults to a list, for a reader that has more to check before it throws. */
export function collectConfig<S extends Specs>(
  env: NodeJS.ProcessEnv,
  specs: S,
  faults: string[],
): Values<S> {
  const present = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const values = customCleanEnv(
    present,
    specs as Record<string, ValidatorSpec<unknown>>,
    (cleaned) => cleaned,
    {
      reporter: ({ errors }) => {
        for (const name of Object.keys(errors)) faults.push(faultOf(name, present[name], specs[name]))
      },
    },
  )
  return Object.freeze({ ...(values as object) }) as Values<S>
}

// The value itself is not repeated: it may be a secret.
function faultOf(name: string, value: string | undefined, spec: ValidatorSpec<unknown> | undefined): string {
  const wanted = spec?.desc ?? 'a value'
  return `${name} is ${value === undefined ? 'missing' : 'not usable'}: set it to ${wanted}.`
}
