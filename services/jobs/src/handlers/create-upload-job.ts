import type { Client } from '@connectrpc/connect'
import { callOptionsOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { keyedRequestOf, markReplayed } from '#kit/idempotency.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { acceptUpload, type UploadDependencies } from '../accept-upload.ts'
import { isReadKind } from '../domain/job.ts'
import { maximumUploadBytes } from '../domain/upload-csv.ts'
import { invalidArgument } from '../find-job.ts'
import { kindOf, type TellJob } from '../messages.ts'
import { newJobFrom } from '../new-job.ts'
import type { Rpc } from '../rpc.ts'

export type CreateUploadJobDependencies = UploadDependencies & {
  catalog: Client<typeof CatalogService>
  tellJob: TellJob
}

export function createUploadJob(dependencies: CreateUploadJobDependencies): Rpc<'createUploadJob'> {
  const { catalog, tellJob } = dependencies
  return async (request, context) => {
    const kind = kindOf(request.kind)
    const wanted = { key: request.programKey, requiredPermission: Permission.WRITE_ENROLLMENTS }
    const answer = await catalog.getProgram(wanted, callOptionsOf(context))
    if (kind === undefined || isReadKind(kind)) throw invalidArgument('kind', 'must be one that writes')
    if (request.content.byteLength > maximumUploadBytes) throw tooLarge()
    const upload = {
      kind,
      content: request.content,
      about: newJobFrom(answer),
      hasActiveCurriculum: answer.program?.activeCurriculumUuid !== undefined,
    }
    const { job, isReplay } = await acceptUpload(dependencies, upload, keyedRequestOf(request, context))
    if (isReplay) markReplayed(context)
    return { job: await tellJob(job) }
  }
}

function tooLarge(): DomainError {
  return new DomainError(Reason.TOO_LARGE, `Upload too large. Must be under ${maximumUploadBytes} bytes`)
}
