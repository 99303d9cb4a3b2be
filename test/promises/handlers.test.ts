import { readdirSync } from 'node:fs'
import type { DescService } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'

const services: [string, DescService][] = [
  ['access-control', AccessControlService],
  ['catalog', CatalogService],
  ['enrollment', EnrollmentService],
  ['jobs', JobsService],
]

test.each(services)('%s has one handler file for each RPC, and no other', (folder, service) => {
  const files = readdirSync(new URL(`../../services/${folder}/src/handlers/`, import.meta.url))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
  const rpcs = service.methods.map(({ name }) => name.replace(/(?<!^)([A-Z])/g, '-$1').toLowerCase())

  expect(files.sort()).toEqual(rpcs.sort())
})
