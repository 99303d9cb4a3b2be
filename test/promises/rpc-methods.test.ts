import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt'
import { expect, test } from 'vitest'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'

const methods = [AccessControlService, CatalogService, EnrollmentService, JobsService].flatMap(
  (service) => service.methods,
)
const reading = /^(Get|List|Read|Resolve|Stream|Watch)[A-Z]/

test('the methods that read say that they have no side effects, and no others do', () => {
  const marked = methods.filter(({ idempotency }) => idempotency === Idempotency.NO_SIDE_EFFECTS)

  expect(marked.map(({ name }) => name)).toEqual(
    methods.map(({ name }) => name).filter((name) => reading.test(name)),
  )
})

test('a list that has pages names its fields as AIP-158 does', () => {
  const lists = methods.filter(
    ({ input, output }) => 'pageSize' in input.field || 'nextPageToken' in output.field,
  )
  const unusual = lists.filter(({ name, input, output }) => {
    const fields = [input.field.pageSize, input.field.pageToken, output.field.nextPageToken]
    const names = fields.map((field) => field?.name)
    // A stream needs no size: it says how much comes at once.
    const wanted = name.startsWith('Stream')
      ? [undefined, 'page_token', 'next_page_token']
      : ['page_size', 'page_token', 'next_page_token']
    return JSON.stringify(names) !== JSON.stringify(wanted)
  })

  expect(lists.length).toBeGreaterThan(5)
  expect(unusual.map(({ name }) => name)).toEqual([])
})
