import type { Job } from './job.ts'

/** The object that a job's result is. */
export function resultKeyOf(job: Pick<Job, 'id' | 'format'>): string {
  return `job-results/${job.id}.${job.format}`
}

/** The folder of the pieces that become the result. */
export function partsFolderOf(jobId: string): string {
  return `job-results/${jobId}.parts`
}

/** A piece of the result, from 0; the order of the names is the order of the pieces. */
export function partKeyOf(jobId: string, part: number): string {
  return `${partsFolderOf(jobId)}/${String(part).padStart(6, '0')}`
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
