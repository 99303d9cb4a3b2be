import { type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import type { MethodDefinition } from '@grpc/grpc-js'

/** One method of a service as grpc-js wants it described. */
export function definitionOf(
  service: DescService,
  name: string,
): Record<string, MethodDefinition<Message, Message>> {
  const method = service.method[name] as DescService['methods'][number]
  const codec = (schema: typeof method.input) => ({
    serialize: (message: Message) => Buffer.from(toBinary(schema, message)),
    deserialize: (bytes: Buffer) => fromBinary(schema, bytes),
  })
  const [input, output] = [codec(method.input), codec(method.output)]
  return {
    [name]: {
      path: `/${service.typeName}/${method.name}`,
      requestStream: false,
      responseStream: method.methodKind === 'server_streaming',
      requestSerialize: input.serialize,
      requestDeserialize: input.deserialize,
      responseSerialize: output.serialize,
      responseDeserialize: output.deserialize,
    },
  }
}
