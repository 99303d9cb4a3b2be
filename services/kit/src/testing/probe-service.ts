import type { MessageInitShape } from '@bufbuild/protobuf'
import { create, createFileRegistry, setExtension } from '@bufbuild/protobuf'
import type { GenService } from '@bufbuild/protobuf/codegenv2'
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type MethodOptions,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
  type StringValueSchema,
} from '@bufbuild/protobuf/wkt'
import {
  type AccessSchema,
  access,
  file_registrar_auth_v1_access,
  ServiceCaller,
} from '#proto/registrar/auth/v1/access_pb.ts'

type Unary = { methodKind: 'unary'; input: typeof StringValueSchema; output: typeof StringValueSchema }
type ServerStream = {
  methodKind: 'server_streaming'
  input: typeof StringValueSchema
  output: typeof StringValueSchema
}

/** A service with a method of each kind that the plumbing tells apart; every message is a google.protobuf.StringValue. */
export type ProbeService = GenService<{
  /** For users; no side effects. */
  ask: Unary
  /** For users; changes something. */
  change: Unary
  /** For the jobs worker only. */
  work: Unary
  /** For users and the operator. */
  share: Unary
  /** Takes no token. */
  open: Unary
  /** For users; a server stream. */
  count: ServerStream
}>

/** Built at run time: nothing that only tests need is published as a proto. */
export const ProbeService: ProbeService = buildService()

function buildService(): ProbeService {
  const file = create(FileDescriptorProtoSchema, {
    name: 'registrar/probe/v1/probe.proto',
    package: 'registrar.probe.v1',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto', 'registrar/auth/v1/access.proto'],
    service: [
      {
        name: 'ProbeService',
        method: [
          method('Ask', {
            options: create(MethodOptionsSchema, {
              idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
            }),
          }),
          method('Change'),
          method('Work', { options: withAccess({ services: [ServiceCaller.JOBS_WORKER] }) }),
          method('Share', { options: withAccess({ users: true, services: [ServiceCaller.OPERATOR] }) }),
          method('Open', { options: withAccess({ anonymous: true }) }),
          method('Count', { serverStreaming: true }),
        ],
      },
    ],
  })
  const imports = [file_google_protobuf_wrappers, file_registrar_auth_v1_access]
  const registry = createFileRegistry(
    file,
    (name) => imports.find(({ proto }) => proto.name === name)?.proto ?? importOf(name),
  )
  return registry.getService('registrar.probe.v1.ProbeService') as ProbeService
}

function importOf(name: string) {
  return file_registrar_auth_v1_access.dependencies.find(({ proto }) => proto.name === name)?.proto
}

function method(name: string, more: { options?: MethodOptions; serverStreaming?: boolean } = {}) {
  const type = '.google.protobuf.StringValue'
  return { name, inputType: type, outputType: type, ...more }
}

function withAccess(value: MessageInitShape<typeof AccessSchema>): MethodOptions {
  const options = create(MethodOptionsSchema)
  setExtension(options, access, {
    $typeName: 'registrar.auth.v1.Access',
    users: false,
    services: [],
    anonymous: false,
    ...value,
  })
  return options
}
