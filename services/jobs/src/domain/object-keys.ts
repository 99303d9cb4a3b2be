import type { Job } from './job.ts'

/** The object that a job's result is. */
export function resultKeyOf(job: Pick<Job, 'id' | 'format'>): string {
  return `job-results/${job.id}.${job.format}`
}

/** The folder of the pieces that become the result. */
export function partsFolderOf(jobId: string): string {
  return `job-results/${jobId}.parts`
}

/** One attempt's piece of the result: which piece, from 0, a name of its own, and the name of the piece that it goes on from. */
export type Part = { part: number; name: string; before: string }

/**
 * Where a piece lies. Each attempt has a place of its own: one that was given up and comes to its end all the same, perhaps at another
 * row, must not take the place of the one that counts.
 */
export function partKeyOf(jobId: string, { part, name, before }: Part): string {
  return `${partsFolderOf(jobId)}/${String(part).padStart(6, '0')}-${before === '' ? 'start' : before}-${name}`
}

/** Of all pieces that lie in the folder those that lead to the last one, in order; undefined when one is missing. */
export function partsThatCount(keys: readonly string[], parts: number, last: string): string[] | undefined {
  const found = new Map<string, { key: string; before: string }>()
  for (const key of keys) {
    const [part, before = '', name] = fileNameOf(key).split('-')
    found.set(`${Number(part)} ${name}`, { key, before })
  }
  const chain: string[] = []
  let name = last
  for (let part = parts - 1; part >= 0; part--) {
    const piece = found.get(`${part} ${name}`)
    if (piece === undefined) return undefined
    chain.unshift(piece.key)
    name = piece.before
  }
  return chain
}

/** The rows of an upload: a JSON array with one row a line. */
export function uploadKeyOf(jobId: string): string {
  return `uploads/${jobId}.json`
}

/** The folder in which an outside process puts a program's reports. */
export function reportsFolderOf(root: string, organizationKey: string, discoveryUuid: string): string {
  return `${root}/${organizationKey}/${discoveryUuid.replaceAll('-', '')}`
}

/** The media type of an object, by its name. */
export function contentTypeOf(key: string): string {
  if (key.endsWith('.json')) return 'application/json'
  if (key.endsWith('.csv')) return 'text/csv; charset=utf-8'
  return 'application/octet-stream'
}

/** The name to save an object under. */
export function fileNameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
