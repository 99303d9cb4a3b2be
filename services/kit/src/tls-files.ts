import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:tls'
import { ConfigError } from './config.ts'
import type { Logger } from './logger.ts'

/** Where certificates are, and what the settings are called that say so. All files are PEM. */
export type TlsPaths = {
  /** Our certificate, with those of the authorities between it and the root behind it. */
  cert?: TlsPath
  /** The private key of our certificate, without a password. */
  key?: TlsPath
  /** The authorities whose certificates are trusted; the system's when absent. */
  ca?: TlsPath
}
export type TlsPath = { setting: string; path: string }

/** What the files hold, in the form that Node takes. */
export type TlsMaterial = Readonly<{ cert?: Buffer; key?: Buffer; ca?: Buffer; minVersion: 'TLSv1.2' }>

/** Certificates from files that are replaced while the process runs, as cert-manager and Kubernetes do. */
export type TlsFiles = {
  /** What the files hold now; what they held before while that cannot be used. For one connection or a moment. */
  read(): TlsMaterial
  /** Calls with what the files hold whenever that has changed, within some seconds. Returns what ends it. */
  onChange(use: (material: TlsMaterial) => void): () => void
}

const lookEveryMs = 5_000

/**
 * Reads certificates, and again every five seconds. ConfigError when they cannot be used. Files that cannot be used later on
 * (broken, expired, a key without its certificate, which a moment later may be there) leave the last good ones in use, with a
 * warning in the log.
 */
export function openTlsFiles(paths: TlsPaths, logger: Logger): TlsFiles {
  let contents = readContents(paths)
  let material = check(contents, paths)
  let complaint = ''
  const listeners = new Set<(material: TlsMaterial) => void>()

  function read(): TlsMaterial {
    try {
      const found = readContents(paths)
      if (isSame(found, contents)) return material
      material = check(found, paths)
      contents = found
      complaint = ''
    } catch (error) {
      complain((error as Error).message)
      return material
    }
    logger.info({ validTo: validToOf(material) }, 'new TLS certificates are in use')
    for (const use of listeners) use(material)
    return material
  }
  function complain(message: string): void {
    if (message !== complaint)
      logger.warn({ fault: message }, 'new TLS files cannot be used: the old ones stay in use')
    complaint = message
  }

  // Looked at, not watched: a mounted secret is swapped by symbolic links, and some file systems tell nobody.
  setInterval(read, lookEveryMs).unref()
  return {
    read,
    onChange(use) {
      listeners.add(use)
      return () => void listeners.delete(use)
    },
  }
}

/** Has the server show what is in the files at the time of each new connection, until it closes. */
export function followTlsFiles(server: Server, files: TlsFiles): void {
  server.on(
    'close',
    files.onChange((material) => server.setSecureContext(material)),
  )
}

type Contents = { cert?: Buffer; key?: Buffer; ca?: Buffer }

function readContents(paths: TlsPaths): Contents {
  const read = (file: TlsPath | undefined) => file && { content: readPem(file) }
  const [cert, key, ca] = [read(paths.cert), read(paths.key), read(paths.ca)]
  return { cert: cert?.content, key: key?.content, ca: ca?.content }
}

function readPem({ setting, path }: TlsPath): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ConfigError(
      `${setting} cannot be read (${code}): set it to a PEM file that this process may read.`,
    )
  }
}

function isSame(one: Contents, other: Contents): boolean {
  const names = ['cert', 'key', 'ca'] as const
  return names.every((name) => one[name] === other[name] || (one[name] && other[name]?.equals(one[name])))
}

function check({ cert, key, ca }: Contents, paths: TlsPaths): TlsMaterial {
  const chain = cert && parseCertificates(cert, paths.cert as TlsPath)
  const authorities = ca && parseCertificates(ca, paths.ca as TlsPath)
  if (chain && key) checkPair(chain[0] as X509Certificate, key, paths as Required<TlsPaths>)
  return {
    ...(chain && { cert: joinPem(chain) }),
    ...(key && { key }),
    ...(authorities && { ca: joinPem(authorities) }),
    minVersion: 'TLSv1.2',
  }
}

function checkPair(own: X509Certificate, key: Buffer, paths: Required<TlsPaths>): void {
  const { setting } = paths.cert
  const now = new Date()
  if (own.validToDate < now || own.validFromDate > now) {
    const valid = `valid from ${own.validFromDate.toISOString()} to ${own.validToDate.toISOString()}`
    throw new ConfigError(`${setting} is ${valid}: set it to a certificate that is valid now.`)
  }
  if (!own.checkPrivateKey(parseKey(key, paths.key))) {
    throw new ConfigError(
      `${paths.key.setting} is not the key of ${setting}: set both to the files of one pair.`,
    )
  }
}

// What Node makes nothing of it passes over in silence, so everything is parsed here.
function parseCertificates(pem: Buffer, { setting }: TlsPath): X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (blocks === null)
    throw new ConfigError(`${setting} holds no certificate: set it to a PEM file with one.`)
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    throw new ConfigError(`${setting} holds a broken certificate: set it to a PEM file with whole ones.`)
  }
}

function joinPem(certificates: readonly X509Certificate[]): Buffer {
  return Buffer.from(certificates.map(String).join(''))
}

function parseKey(pem: Buffer, { setting }: TlsPath): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new ConfigError(
      `${setting} holds no usable key: set it to a PEM file with a private key without a password.`,
    )
  }
}

function validToOf({ cert }: TlsMaterial): string | undefined {
  return cert && new X509Certificate(cert).validToDate.toISOString()
}
