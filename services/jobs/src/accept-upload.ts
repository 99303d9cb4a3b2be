import { randomUUID } from 'node:crypto'
import { DomainError, Reason } from '#kit/errors.ts'
import type { KeyedRequest } from '#kit/idempotency.ts'
import { reasonOf } from '#kit/rpc-errors.ts'
import type { Job, NewJob, WriteKind } from './domain/job.ts'
import { uploadKeyOf } from './domain/object-keys.ts'
import { createUpload } from './domain/upload-csv.ts'
import type { JobStarter } from './job-starter.ts'
import type { Storage } from './storage/storage.ts'
import type { JobStore } from './store/job-store.ts'

export type UploadDependencies = { store: JobStore; storage: Storage; bucket: string; starter: JobStarter }

/** A file that somebody may write to a program. */
export type Upload = {
  kind: WriteKind
  content: Uint8Array
  about: Omit<NewJob, 'id' | 'kind' | 'format'>
  hasActiveCurriculum: boolean
}

/**
 * Makes the job of an upload. With a key it makes one job, however often it is called within 24 hours, and at the same instant:
 * `isReplay` when the job was there. IDEMPOTENCY_KEY_REUSED with another request.
 */
export async function acceptUpload(
  dependencies: UploadDependencies,
  upload: Upload,
  keyed?: KeyedRequest,
): Promise<{ job: Job; isReplay: boolean }> {
  const { store } = dependencies
  const findEarlier = async () =>
    keyed === undefined ? undefined : store.findByKey(upload.about.ownerId, keyed)
  const earlier = await findEarlier()
  if (earlier !== undefined) return { job: earlier, isReplay: true }
  try {
    return { job: await createJob(dependencies, upload, keyed), isReplay: false }
  } catch (error) {
    // The upload in the way may be the one of the same key, which came first by a moment.
    const rival = reasonOf(error) === Reason.WRITE_IN_PROGRESS ? await findEarlier() : undefined
    if (rival === undefined) throw error
    return { job: rival, isReplay: true }
  }
}

/** WRITE_IN_PROGRESS, CSV_INVALID, NO_ACTIVE_CURRICULUM, in that order. */
async function createJob(
  { store, storage, bucket, starter }: UploadDependencies,
  { kind, content, about, hasActiveCurriculum }: Upload,
  keyed: KeyedRequest | undefined,
): Promise<Job> {
  await store.assertNoOpenWrite(about.programId)
  const id = randomUUID()
  const rows = createUpload(content, kind, { allowCourseStaff: about.includeCourseStaff })
  await storage.put(bucket, uploadKeyOf(id), rows.chunks)
  try {
    if (!hasActiveCurriculum) throw noActiveCurriculum()
    const job = await store.insert({ ...about, id, kind, format: 'csv', rowsTotal: rows.rowCount() }, keyed)
    await starter.startSoon(job)
    return job
  } catch (error) {
    if (error instanceof DomainError) await storage.remove(bucket, uploadKeyOf(id))
    throw error
  }
}

function noActiveCurriculum(): DomainError {
  const text = 'The program has no active curriculum: nobody can be enrolled in it.'
  return new DomainError(Reason.NO_ACTIVE_CURRICULUM, text)
}
