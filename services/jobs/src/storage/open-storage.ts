import type { Metrics } from '#kit/metrics.ts'
import { createFolderStorage } from './folder-storage.ts'
import { measureStorage } from './measured-storage.ts'
import { createSignedLinks } from './signed-links.ts'
import type { OpenStorage } from './storage.ts'
import type { StorageConfig } from './storage-settings.ts'

/** The storage that the settings name. */
export async function openStorage(config: StorageConfig, metrics: Metrics): Promise<OpenStorage> {
  const opened = await open(config)
  return { ...opened, storage: measureStorage(metrics, opened.storage) }
}

async function open(config: StorageConfig): Promise<OpenStorage> {
  if (config.backend === 'file') {
    return { storage: createFolderStorage(config.dir), createLinks: createSignedLinks, close() {} }
  }
  // With the SDK come 36 MiB that a process with a folder need not hold.
  const { openS3Storage } = await import('./open-s3-storage.ts')
  return openS3Storage(config.s3)
}
