import type { MessageInitShape } from '@bufbuild/protobuf'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type {
  ListProgramsResponse,
  ListProgramsResponseSchema,
} from '#proto/registrar/catalog/v1/catalog_service_pb.ts'

/** What every floor answers: six programs, some 1.3 kB as a message and as JSON, as `GET /programs` of the school that is measured. */
export const programList: MessageInitShape<typeof ListProgramsResponseSchema> = {
  totalSize: 6,
  programs: Array.from({ length: 6 }, (_, index) => ({
    id: `0b1c5be1-6a35-4dd5-9a3e-12345678901${index}`,
    key: `school-12345678-masters-${index}`,
    discoveryUuid: `7f1c5be1-6a35-4dd5-9a3e-12345678901${index}`,
    title: `masters ${index} of school-12345678`,
    url: `https://example.org/school-12345678-masters-${index}`,
    type: 'Masters',
    organizationId: '2d1c5be1-6a35-4dd5-9a3e-123456789012',
    organizationKey: 'school-12345678',
    permissions: [Permission.READ_METADATA, Permission.READ_ENROLLMENTS, Permission.WRITE_ENROLLMENTS],
    createTime: { seconds: 1_790_000_000n },
    updateTime: { seconds: 1_790_000_000n },
  })),
}

const names = ['', 'read_metadata', 'read_enrollments', 'write_enrollments', 'read_reports']

/** The list as JSON, and the schema that Fastify writes it by. */
export function toJson({ programs }: Pick<ListProgramsResponse, 'programs'>) {
  return programs.map((program) => ({
    program_key: program.key,
    program_title: program.title,
    program_url: program.url ?? null,
    program_type: program.type ?? null,
    permissions: program.permissions.map((permission) => names[permission] ?? ''),
  }))
}

const text = { type: 'string' }
const nullableText = { type: ['string', 'null'] }

export const listSchema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      program_key: text,
      program_title: text,
      program_url: nullableText,
      program_type: nullableText,
      permissions: { type: 'array', items: text },
    },
  },
}
