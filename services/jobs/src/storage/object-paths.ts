import { join, sep } from 'node:path'
import { DomainError, Reason } from '#kit/errors.ts'

/** The file of an object under a root. OBJECT_NOT_FOUND for every name that could lead out of it. */
export function pathOf(root: string, bucket: string, key: string): string {
  return join(root, ...namesOf(bucket, key))
}

/** The names that lead to an object. OBJECT_NOT_FOUND unless each is a plain one. */
export function namesOf(bucket: string, key: string): string[] {
  const names = [bucket, ...key.split('/')]
  if (!names.every(isPlainName)) throw objectNotFound()
  return names
}

/** Whether a path, links resolved, lies under a root, links resolved. */
export function isWithin(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep)
}

export function objectNotFound(): DomainError {
  return new DomainError(Reason.OBJECT_NOT_FOUND, 'Not found.')
}

// A name that starts with a dot is a file that is still being written, or none of ours.
function isPlainName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && !/[/\\\0]/.test(name) && Buffer.byteLength(name) <= 255
}
