import { createFolderStorage } from './folder-storage.ts'
import { createS3Client } from './s3-client.ts'
import { createS3Links } from './s3-links.ts'
import { createS3Storage } from './s3-storage.ts'
import { createSignedLinks, type SignedLinkOptions } from './signed-links.ts'
import type { ObjectLinks, Storage } from './storage.ts'
import type { StorageConfig } from './storage-settings.ts'

/** The storage of a deployment, open until closed. */
export type OpenStorage = {
  storage: Storage
  /** Links of the kind that goes with the storage. */
  createLinks(options: SignedLinkOptions): ObjectLinks
  close(): void
}

export function openStorage(config: StorageConfig): OpenStorage {
  if (config.backend === 'file') {
    return { storage: createFolderStorage(config.dir), createLinks: createSignedLinks, close() {} }
  }
  const client = createS3Client(config.s3)
  return {
    storage: createS3Storage(client, config.s3),
    createLinks: (options) => createS3Links(client, config.s3, options),
    close: () => client.destroy(),
  }
}
