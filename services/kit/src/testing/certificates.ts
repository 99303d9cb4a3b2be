import './no-metadata.ts'
import type { webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** A certificate and its key, PEM. */
export type TestPair = { cert: string; key: string }

/** An authority made for a test. */
export type TestAuthority = {
  /** Its own certificate, PEM. */
  cert: string
  /** A certificate for servers on this machine and for clients, good for an hour unless said otherwise. */
  issue(validity?: { notBefore?: Date; notAfter?: Date }): Promise<TestPair>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000)

export async function createTestAuthority(name = 'Test authority'): Promise<TestAuthority> {
  const keys = await makeKeys()
  const issuer = `CN=${name}`
  const own = await X509CertificateGenerator.createSelfSigned({
    ...{ name: issuer, keys, signingAlgorithm: algorithm, notBefore: inHours(-1), notAfter: inHours(24) },
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  })
  return {
    cert: own.toString('pem'),
    async issue({ notBefore = inHours(-1), notAfter = inHours(1) } = {}) {
      const { publicKey, privateKey } = await makeKeys()
      const certificate = await X509CertificateGenerator.create({
        ...{ subject: 'CN=registrar', issuer, notBefore, notAfter },
        ...{ publicKey, signingKey: keys.privateKey, signingAlgorithm: algorithm },
        extensions: [
          new SubjectAlternativeNameExtension([
            { type: 'dns', value: 'localhost' },
            { type: 'ip', value: '127.0.0.1' },
          ]),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ],
      })
      return { cert: certificate.toString('pem'), key: await pemOf(privateKey) }
    },
  }
}

/** Writes what is given into `<name>.crt`, `<name>.key` and `ca.crt` of a folder, and returns the paths. */
export async function writeCertificates(
  folder: string,
  { cert, key, ca }: Partial<TestPair> & { ca?: string },
  name = 'tls',
): Promise<{ cert: string; key: string; ca: string }> {
  const paths = {
    cert: join(folder, `${name}.crt`),
    key: join(folder, `${name}.key`),
    ca: join(folder, 'ca.crt'),
  }
  if (cert !== undefined) await writeFile(paths.cert, cert)
  if (key !== undefined) await writeFile(paths.key, key)
  if (ca !== undefined) await writeFile(paths.ca, ca)
  return paths
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
}
