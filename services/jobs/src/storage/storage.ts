/** An object that can be read once. */
export type StoredObject = {
  /** In bytes. */
  size: number
  /** Its bytes, in pieces of at most 256 KiB. Stopping early gives the object back. */
  chunks: AsyncIterable<Uint8Array>
}

/** An object's place and size in bytes. */
export type ObjectEntry = { key: string; size: number }

/** An object that was come across: its place, its size in bytes and when it was written. */
export type FoundObject = ObjectEntry & { modifiedAt: Date }

/** Some bytes of an object to write; text is written in UTF-8. */
export type Chunk = Uint8Array | string

/**
 * Where results, uploads and reports lie: objects by bucket and key, keys being names joined by `/`.
 *
 * Keys are made of ids; a key that is not of that form is refused with OBJECT_NOT_FOUND. An object appears whole or not at all,
 * also when the process dies or two write it at once: the last to end wins. Whatever is asked of a store that is away or full fails
 * with UNAVAILABLE; of one that does not let us, with STORAGE_REFUSED.
 */
export type Storage = {
  /** Writes an object, taking the chunks no faster than they are stored. An error of the chunks is passed on and nothing is stored. */
  put(bucket: string, key: string, chunks: AsyncIterable<Chunk>): Promise<void>
  /** OBJECT_NOT_FOUND when there is none. */
  read(bucket: string, key: string): Promise<StoredObject>
  /** Writes one object of the bytes of others, in the order given; those stay. OBJECT_NOT_FOUND when one is missing. */
  join(bucket: string, keys: readonly string[], key: string): Promise<void>
  /** The objects right in a folder, by name, ascending by code point; none when there is no such folder. */
  list(bucket: string, folder: string): Promise<ObjectEntry[]>
  /** Removes an object; nothing happens if there is none. */
  remove(bucket: string, key: string): Promise<void>
  /** Removes every object under a folder; nothing happens if there is none. */
  removeFolder(bucket: string, folder: string): Promise<void>
  /** Every object under a folder, at any depth, in no order that can be relied upon. */
  walk(bucket: string, folder: string): AsyncIterable<FoundObject>
  /** Removes what is left under a folder of writes that were broken off so many seconds ago or earlier; how many there were. */
  removeUnfinished(bucket: string, folder: string, olderThanSeconds: number): Promise<number>
}

/** Makes links with which anybody can read one object for some time. */
export type ObjectLinks = {
  /** A link made now, and when it stops working. */
  linkTo(bucket: string, key: string): Promise<{ url: string; expiresAt: Date }>
}

/** What links are made of; those of S3 need only how long they work. */
export type LinkOptions = {
  /** Prefix of every link to the gateway, such as `https://registrar.example.com/api`. */
  apiRoot: string
  /** What those are signed with; whoever knows it can read every object. */
  secret: string
  /** How long a link works, in seconds. */
  ttlSeconds: number
}

/** The storage of a deployment, open until closed. */
export type OpenStorage = {
  storage: Storage
  /** Links of the kind that goes with the storage. */
  createLinks(options: LinkOptions): ObjectLinks
  close(): void
}

/** The largest piece in which an object is read. */
export const readChunkBytes = 262_144
