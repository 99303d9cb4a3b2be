import { randomUUID } from 'node:crypto'
import type { Client } from '@connectrpc/connect'
import { callOptionsOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { ResultFormat } from '#proto/registrar/jobs/v1/job_pb.ts'
import { isAboutOneCourse, isReadKind } from '../domain/job.ts'
import { invalidArgument } from '../find-job.ts'
import type { JobStarter } from '../job-starter.ts'
import { kindOf, type TellJob } from '../messages.ts'
import { newJobFrom } from '../new-job.ts'
import type { Rpc } from '../rpc.ts'
import type { JobStore } from '../store/job-store.ts'

export type CreateReadJobDependencies = {
  catalog: Client<typeof CatalogService>
  store: JobStore
  starter: JobStarter
  tellJob: TellJob
}

export function createReadJob(dependencies: CreateReadJobDependencies): Rpc<'createReadJob'> {
  const { catalog, store, starter, tellJob } = dependencies
  return async (request, context) => {
    const kind = kindOf(request.kind)
    const courseId = kind !== undefined && isAboutOneCourse(kind) ? request.courseId : null
    const answer = await catalog.getProgram(
      {
        key: request.programKey,
        courseIds: courseId === null ? [] : [courseId],
        requiredPermission: Permission.READ_ENROLLMENTS,
      },
      callOptionsOf(context),
    )
    if (kind === undefined || !isReadKind(kind)) throw invalidArgument('kind', 'must be one that reads')
    const courseKey = courseId === null ? null : (answer.courseRuns[courseId]?.key ?? notFound())
    const format = request.format === ResultFormat.CSV ? 'csv' : 'json'
    const job = await store.insert({
      ...newJobFrom(answer),
      id: randomUUID(),
      kind,
      format,
      courseId,
      courseKey,
    })
    await starter.startSoon(job)
    return { job: await tellJob(job) }
  }
}

function notFound(): never {
  throw new DomainError(Reason.COURSE_NOT_FOUND, 'Not found.')
}
