import { ConfigError } from '#kit/config.ts'
import { optionalText } from '#kit/settings.ts'

/** A key that what goes to Temporal is encrypted with; its id is told beside what it encrypted. */
export type CodecKey = { id: string; secret: Buffer }

/** What encrypts, and everything that may have encrypted before. */
export type CodecKeys = { current: CodecKey; old: readonly CodecKey[] }

const form = '<id>:<32 bytes in base64>'

/** The settings of the encryption of what goes to Temporal; all optional. */
export const codecKeySpecs = {
  TEMPORAL_CODEC_KEY: optionalText(`a key, ${form}`),
  TEMPORAL_CODEC_OLD_KEYS: optionalText(`keys that were used before, ${form}, separated by commas`),
}

type CodecKeySettings = { [Name in keyof typeof codecKeySpecs]: string | undefined }

/** Undefined when nothing is to be encrypted. */
export function readCodecKeys(settings: CodecKeySettings): CodecKeys | undefined {
  const { TEMPORAL_CODEC_KEY: current, TEMPORAL_CODEC_OLD_KEYS: old } = settings
  if (current === undefined) {
    if (old === undefined) return undefined
    throw new ConfigError('TEMPORAL_CODEC_KEY is missing: set it to the key that goes on from the old ones.')
  }
  const keys = {
    current: readKey('TEMPORAL_CODEC_KEY', current),
    old: (old ?? '')
      .split(',')
      .filter((text) => text.trim() !== '')
      .map((text) => readKey('TEMPORAL_CODEC_OLD_KEYS', text)),
  }
  const ids = [keys.current, ...keys.old].map(({ id }) => id)
  if (new Set(ids).size < ids.length) {
    throw new ConfigError('TEMPORAL_CODEC_OLD_KEYS is ambiguous: give every key an id of its own.')
  }
  return keys
}

function readKey(name: string, text: string): CodecKey {
  const [, id, encoded] = /^([\w.-]{1,64}):([A-Za-z0-9+/]{43}=)$/.exec(text.trim()) ?? []
  const secret = Buffer.from(encoded ?? '', 'base64')
  if (id === undefined || secret.byteLength !== 32) {
    // Without the value: it is a secret, however wrong.
    throw new ConfigError(`${name} has another form than ${form}: set it to such a key.`)
  }
  return { id, secret }
}
