import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { Client } from '@connectrpc/connect'
import { callOptionsOf } from '#kit/call-context.ts'
import type { Logger } from '#kit/logger.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { fileNameOf, reportsFolderOf } from '../domain/object-keys.ts'
import { createdDateOf, isDate } from '../domain/report-name.ts'
import { invalidArgument } from '../find-job.ts'
import type { Rpc } from '../rpc.ts'
import type { ObjectLinks, Storage } from '../storage/storage.ts'

export type ListReportsDependencies = {
  catalog: Client<typeof CatalogService>
  storage: Pick<Storage, 'list'>
  links: ObjectLinks
  /** Where the outside process puts reports. */
  reports: { bucket: string; folder: string }
  logger: Logger
}

export function listReports(dependencies: ListReportsDependencies): Rpc<'listReports'> {
  const { catalog, storage, links, reports, logger } = dependencies
  return async ({ programKey, minCreatedDate }, context) => {
    const { program } = await catalog.getProgram(
      { key: programKey, requiredPermission: Permission.READ_REPORTS },
      callOptionsOf(context),
    )
    if (program === undefined) throw new Error('the catalog named no program')
    if (minCreatedDate !== '' && !isDate(minCreatedDate)) {
      throw invalidArgument('min_created_date', 'must be a day, YYYY-MM-DD')
    }
    const folder = reportsFolderOf(reports.folder, program.organizationKey, program.discoveryUuid)
    const found = []
    for (const { key } of await storage.list(reports.bucket, folder)) {
      const createdDate = createdDateOf(fileNameOf(key))
      if (createdDate === undefined) logger.warn({ key }, 'a report whose name tells no date')
      else if (createdDate >= minCreatedDate) found.push({ key, createdDate })
    }
    return {
      reports: await Promise.all(
        found.map(async ({ key, createdDate }) => {
          const { url, expiresAt } = await links.linkTo(reports.bucket, key)
          const expireTime = timestampFromDate(expiresAt)
          return { name: fileNameOf(key), createdDate, downloadUrl: url, expireTime }
        }),
      ),
    }
  }
}
