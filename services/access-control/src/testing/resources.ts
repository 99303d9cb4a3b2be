import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ResourceSchema } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'

type ResourceInit = MessageInitShape<typeof ResourceSchema>

/** A program as requests and answers name it. */
export function program(id: string): ResourceInit & { target: { case: 'programId'; value: string } } {
  return { target: { case: 'programId', value: id } }
}

/** An organization as requests and answers name it. */
export function organization(
  id: string,
): ResourceInit & { target: { case: 'organizationId'; value: string } } {
  return { target: { case: 'organizationId', value: id } }
}
