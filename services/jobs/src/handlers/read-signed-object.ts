import { contentTypeOf, fileNameOf } from '../domain/object-keys.ts'
import type { Rpc } from '../rpc.ts'
import { objectNotFound } from '../storage/object-paths.ts'
import { isSigned } from '../storage/signed-links.ts'
import type { Storage } from '../storage/storage.ts'

export type ReadSignedObjectDependencies = { storage: Storage; linkSecret: string }

export function readSignedObject(dependencies: ReadSignedObjectDependencies): Rpc<'readSignedObject'> {
  const { storage, linkSecret } = dependencies
  return async function* ({ bucket, key, expireTime, signature }) {
    const expires = Number(expireTime?.seconds ?? 0n)
    if (!isSigned(linkSecret, { bucket, key, expires, signature }, Date.now() / 1_000)) throw objectNotFound()
    const { size, chunks } = await storage.read(bucket, key)
    yield { info: { contentType: contentTypeOf(key), size: BigInt(size), fileName: fileNameOf(key) } }
    for await (const data of chunks) yield { data }
  }
}
