import { randomUUID } from 'node:crypto'
import type { Client } from '@connectrpc/connect'
import { callOptionsOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { isReadKind } from '../domain/job.ts'
import { uploadKeyOf } from '../domain/object-keys.ts'
import { createUpload, maximumUploadBytes } from '../domain/upload-csv.ts'
import { invalidArgument } from '../find-job.ts'
import type { JobStarter } from '../job-starter.ts'
import { kindOf, type TellJob } from '../messages.ts'
import { newJobFrom } from '../new-job.ts'
import type { Rpc } from '../rpc.ts'
import type { Storage } from '../storage/storage.ts'
import type { JobStore } from '../store/job-store.ts'

export type CreateUploadJobDependencies = {
  catalog: Client<typeof CatalogService>
  store: JobStore
  storage: Storage
  bucket: string
  starter: JobStarter
  tellJob: TellJob
}

export function createUploadJob(dependencies: CreateUploadJobDependencies): Rpc<'createUploadJob'> {
  const { catalog, store, storage, bucket, starter, tellJob } = dependencies
  return async (request, context) => {
    const kind = kindOf(request.kind)
    if (kind === undefined || isReadKind(kind)) throw invalidArgument('kind', 'must be one that writes')
    const wanted = { key: request.programKey, requiredPermission: Permission.WRITE_ENROLLMENTS }
    const answer = await catalog.getProgram(wanted, callOptionsOf(context))
    if (request.content.byteLength > maximumUploadBytes) throw tooLarge()
    const about = newJobFrom(answer)
    await store.assertNoOpenWrite(about.programId)

    const id = randomUUID()
    const upload = createUpload(request.content, kind, { allowCourseStaff: about.includeCourseStaff })
    await storage.put(bucket, uploadKeyOf(id), upload.chunks)
    try {
      if (answer.program?.activeCurriculumUuid === undefined) throw noActiveCurriculum()
      const job = await store.insert({ ...about, id, kind, format: 'csv', rowsTotal: upload.rowCount() })
      await starter.startSoon(job)
      return { job: await tellJob(job) }
    } catch (error) {
      if (error instanceof DomainError) await storage.remove(bucket, uploadKeyOf(id))
      throw error
    }
  }
}

function tooLarge(): DomainError {
  return new DomainError(Reason.TOO_LARGE, `Upload too large. Must be under ${maximumUploadBytes} bytes`)
}

function noActiveCurriculum(): DomainError {
  const text = 'The program has no active curriculum: nobody can be enrolled in it.'
  return new DomainError(Reason.NO_ACTIVE_CURRICULUM, text)
}
