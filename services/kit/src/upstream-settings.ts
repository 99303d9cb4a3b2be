import type { OptionalValidatorSpec } from 'envalid'
import { optionalHttpUrl, optionalText, requiredHttpUrl, requiredText } from './settings.ts'
import type { UpstreamCredentials } from './upstream-token.ts'

const credentialNames = {
  key: 'BACKEND_SERVICE_EDX_OAUTH2_KEY',
  secret: 'BACKEND_SERVICE_EDX_OAUTH2_SECRET',
  providerUrl: 'BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL',
} as const

type SettingName =
  | 'LMS_BASE_URL'
  | 'DISCOVERY_BASE_URL'
  | (typeof credentialNames)[keyof typeof credentialNames]

/**
 * The settings of a process that calls an upstream when `baseUrlName` is set: then it needs the credentials, and where tokens are to
 * be had unless the LMS is known, which gives them.
 */
export function upstreamSpecs(
  env: NodeJS.ProcessEnv,
  baseUrlName: 'LMS_BASE_URL' | 'DISCOVERY_BASE_URL',
): Record<SettingName, OptionalValidatorSpec<string>> {
  const isUsed = Boolean(env[baseUrlName])
  const secretSpec = (what: string) => {
    const desc = `the ${what} of this system's OAuth2 client in the LMS`
    return isUsed ? requiredText(`${desc}, or unset ${baseUrlName}`) : optionalText(desc)
  }
  const keySpec = secretSpec('id')
  const passwordSpec = secretSpec('secret')
  const urlSpec = isUsed && !env.LMS_BASE_URL ? requiredHttpUrl() : optionalHttpUrl()
  return {
    LMS_BASE_URL: optionalHttpUrl(),
    DISCOVERY_BASE_URL: optionalHttpUrl(),
    BACKEND_SERVICE_EDX_OAUTH2_KEY: keySpec as OptionalValidatorSpec<string>,
    BACKEND_SERVICE_EDX_OAUTH2_SECRET: passwordSpec as OptionalValidatorSpec<string>,
    BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL: urlSpec as OptionalValidatorSpec<string>,
  }
}

/** Where an upstream is, and what it is called with. */
export type UpstreamSettings = { baseUrl: string; credentials: UpstreamCredentials }

/** Undefined when the upstream is not used. */
export function readUpstream(
  values: Readonly<Record<SettingName, string | undefined>>,
  baseUrlName: 'LMS_BASE_URL' | 'DISCOVERY_BASE_URL',
): UpstreamSettings | undefined {
  const baseUrl = values[baseUrlName]
  if (baseUrl === undefined) return undefined
  const { LMS_BASE_URL: lmsUrl } = values
  return {
    baseUrl,
    credentials: {
      key: values[credentialNames.key] as string,
      secret: values[credentialNames.secret] as string,
      providerUrl: values[credentialNames.providerUrl] ?? `${lmsUrl}/oauth2`,
    },
  }
}
