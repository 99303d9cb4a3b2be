import { join } from 'node:path'
import { ConfigError, type Values } from '#kit/config.ts'
import { flag, oneOf, optionalHttpUrl, optionalText, text } from '#kit/settings.ts'

/** The settings that say where objects lie. */
export const storageSpecs = {
  STORAGE_BACKEND: oneOf(['file', 's3'], 'file'),
  STORAGE_DIR: optionalText('the folder that objects lie in'),
  REGISTRAR_BUCKET: text('the bucket of results and uploads', 'registrar'),
  AWS_REGION: optionalText('the region of the buckets, such as eu-central-1'),
  AWS_ENDPOINT_URL_S3: optionalHttpUrl(),
  S3_PUBLIC_URL: optionalHttpUrl(),
  S3_FORCE_PATH_STYLE: flag(false),
  S3_KEY_PREFIX: optionalText('names joined by `/` that every key starts with'),
  S3_SERVER_SIDE_ENCRYPTION: oneOf(['none', 'AES256', 'aws:kms'], 'none'),
  S3_SSE_KMS_KEY_ID: optionalText('the id or ARN of a KMS key'),
}

type StorageSettings = Values<typeof storageSpecs>

/** How to reach S3 and how objects are written there. */
export type S3Config = {
  region: string
  endpoint?: string
  /** Where partners reach it, when that is not `endpoint`. */
  publicUrl?: string
  forcePathStyle: boolean
  /** What every key starts with; ends in `/` unless empty. */
  keyPrefix: string
  encryption?: { algorithm: 'AES256' | 'aws:kms'; kmsKeyId?: string }
}

/** Where objects lie; `bucket` is that of results and uploads. */
export type StorageConfig =
  | { backend: 'file'; bucket: string; dir: string }
  | { backend: 's3'; bucket: string; s3: S3Config }

export function readStorageConfig(settings: StorageSettings, dataDir: string): StorageConfig {
  const bucket = settings.REGISTRAR_BUCKET
  if (settings.STORAGE_BACKEND === 'file') {
    return { backend: 'file', bucket, dir: settings.STORAGE_DIR ?? join(dataDir, 'media') }
  }
  const faults: string[] = []
  // A server that is not Amazon's has no regions, but its signatures name one.
  const region = settings.AWS_REGION ?? (settings.AWS_ENDPOINT_URL_S3 === undefined ? undefined : 'us-east-1')
  if (region === undefined) {
    faults.push(
      'AWS_REGION is missing: set it to the region of the buckets, such as eu-central-1, or set AWS_ENDPOINT_URL_S3.',
    )
  }
  const keyPrefix = readKeyPrefix(settings.S3_KEY_PREFIX, faults)
  const encryption = readEncryption(settings, faults)
  if (faults.length > 0 || region === undefined) throw new ConfigError(faults)
  return {
    ...{ backend: 's3', bucket },
    s3: {
      region,
      ...(settings.AWS_ENDPOINT_URL_S3 !== undefined && { endpoint: settings.AWS_ENDPOINT_URL_S3 }),
      ...(settings.S3_PUBLIC_URL !== undefined && { publicUrl: settings.S3_PUBLIC_URL }),
      forcePathStyle: settings.S3_FORCE_PATH_STYLE,
      keyPrefix,
      ...(encryption !== undefined && { encryption }),
    },
  }
}

function readKeyPrefix(text: string | undefined, faults: string[]): string {
  const names = (text ?? '').replace(/^\/+|\/+$/g, '')
  if (names === '') return ''
  if (/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(names)) return `${names}/`
  faults.push(
    'S3_KEY_PREFIX is not usable: set it to names of letters, digits, `-`, `_` and `.`, joined by `/`.',
  )
  return ''
}

function readEncryption(settings: StorageSettings, faults: string[]): S3Config['encryption'] {
  const { S3_SERVER_SIDE_ENCRYPTION: algorithm, S3_SSE_KMS_KEY_ID: kmsKeyId } = settings
  if (kmsKeyId !== undefined && algorithm !== 'aws:kms') {
    faults.push('S3_SERVER_SIDE_ENCRYPTION is not aws:kms: set it to that, or do not set S3_SSE_KMS_KEY_ID.')
  }
  if (algorithm === 'none') return undefined
  return { algorithm, ...(kmsKeyId !== undefined && { kmsKeyId }) }
}
