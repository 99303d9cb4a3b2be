import { expect } from 'vitest'
import type { PartName } from '../fixtures/cast.ts'
import { callRest, followJob, type JobStatus } from '../fixtures/rest.ts'
import { type Ask, ask, type Scene } from './ask.ts'

/** A job that has ended, and its result where it has one. */
export type EndedJob = {
  job: JobStatus
  result: string
  contentType: string | null
  disposition: string | null
}

/** Asks for a job, and follows it to its end and to its result. */
export async function runJob(scene: Scene, request: Ask & { as: PartName }): Promise<EndedJob> {
  const accepted = await ask(scene, request)
  expect([accepted.status, accepted.text]).toEqual([202, expect.any(String)])
  return followAnswer(scene, accepted.body, request.as)
}

/** Follows the job that a 202 names. */
export async function followAnswer(scene: Scene, accepted: unknown, as: PartName): Promise<EndedJob> {
  const { job_url: jobUrl } = accepted as { job_url: string }
  await followJob(jobUrl, await scene.cast.token(as))
  const { body } = await ask(scene, { path: new URL(jobUrl).pathname, as })
  const job = body as JobStatus
  if (job.result === null) return { job, result: '', contentType: null, disposition: null }
  const { status, text, headers } = await callRest(job.result)
  expect(status).toBe(200)
  return {
    job,
    result: text,
    contentType: headers.get('content-type'),
    disposition: headers.get('content-disposition'),
  }
}

/** A form with a CSV file in it. */
export function formOf(
  content: string | Uint8Array<ArrayBuffer>,
  name = 'learners.csv',
  type = 'text/csv',
): FormData {
  const form = new FormData()
  form.append('file', new Blob([content], { type }), name)
  return form
}
