import {
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescService,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { Code, type ConnectRouter, type ServiceImpl } from '@connectrpc/connect'
import { file_google_rpc_error_details } from '#proto/google/rpc/error_details_pb.ts'
import { ServerReflection, type ServerReflectionRequest } from '#proto/grpc/reflection/v1/reflection_pb.ts'
import { ServerReflection as ServerReflectionV1alpha } from '#proto/grpc/reflection/v1alpha/reflection_pb.ts'

type Question = ServerReflectionRequest['messageRequest']

/** Server reflection, by which tools such as grpcurl learn what a server offers. It offers itself as well. */
export function routeReflection(router: ConnectRouter, services: readonly DescService[]): void {
  const offer = describe([...services, ServerReflection, ServerReflectionV1alpha])
  async function* serverReflectionInfo(requests: AsyncIterable<ServerReflectionRequest>) {
    for await (const request of requests) {
      const { host, messageRequest } = request
      yield {
        validHost: host,
        originalRequest: request,
        messageResponse: answer(offer, messageRequest),
      }
    }
  }
  router.service(ServerReflection, { serverReflectionInfo })
  // The two versions differ in nothing but their package.
  type V1alpha = ServiceImpl<typeof ServerReflectionV1alpha>['serverReflectionInfo']
  router.service(ServerReflectionV1alpha, {
    serverReflectionInfo: serverReflectionInfo as unknown as V1alpha,
  })
}

/** What a server offers, ready to be asked for. */
type Offer = {
  services: string[]
  files: Map<string, DescFile>
  /** The file of everything that has a full name: types, and the fields, methods and values within them. */
  symbols: Map<string, DescFile>
  registry: Registry
}

function describe(services: readonly DescService[]): Offer {
  // The details of errors: no method names them, yet tools want to show them.
  const files = addWithImports(file_google_rpc_error_details, new Set<DescFile>())
  for (const service of services) addWithImports(service.file, files)
  const registry = createRegistry(...files)
  const symbols = new Map<string, DescFile>()
  for (const type of registry) {
    for (const name of namesIn(type)) symbols.set(name, type.file)
  }
  return {
    services: services.map(({ typeName }) => typeName).toSorted(),
    files: new Map([...files].map((file) => [file.proto.name, file])),
    symbols,
    registry,
  }
}

function addWithImports(file: DescFile, found: Set<DescFile>): Set<DescFile> {
  if (!found.has(file)) {
    found.add(file)
    for (const each of file.dependencies) addWithImports(each, found)
  }
  return found
}

function namesIn(type: ReturnType<Registry['get']> & object): string[] {
  const { typeName } = type
  switch (type.kind) {
    case 'message':
      return [typeName, ...[...type.fields, ...type.oneofs].map(({ name }) => `${typeName}.${name}`)]
    case 'service':
      return [typeName, ...type.methods.map(({ name }) => `${typeName}.${name}`)]
    case 'enum': {
      // Values of an enum are named beside it, not within it.
      const scope = typeName.slice(0, typeName.lastIndexOf('.') + 1)
      return [typeName, ...type.values.map(({ name }) => scope + name)]
    }
    case 'extension':
      return [typeName]
  }
}

function answer({ services, files, symbols, registry }: Offer, question: Question) {
  switch (question.case) {
    case 'listServices': {
      const service = services.map((name) => ({ name }))
      return { case: 'listServicesResponse' as const, value: { service } }
    }
    case 'fileByFilename':
      return answerFile(files.get(question.value), question.value)
    case 'fileContainingSymbol':
      return answerFile(symbols.get(question.value), question.value)
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value
      const found = extensionsOf(registry, containingType).find(({ number }) => number === extensionNumber)
      return answerFile(found?.file, `extension ${extensionNumber} of ${containingType}`)
    }
    case 'allExtensionNumbersOfType': {
      if (registry.getMessage(question.value) === undefined) return answerNotFound(question.value)
      const extensionNumber = extensionsOf(registry, question.value).map(({ number }) => number)
      const value = { baseTypeName: question.value, extensionNumber }
      return { case: 'allExtensionNumbersResponse' as const, value }
    }
    default:
      return answerError(Code.InvalidArgument, 'the request asks for nothing')
  }
}

function extensionsOf(registry: Registry, typeName: string): DescExtension[] {
  return [...registry]
    .filter((each) => each.kind === 'extension')
    .filter(({ extendee }) => extendee.typeName === typeName)
}

// A file goes out with all that it imports, so that a tool has it whole after one question.
function answerFile(file: DescFile | undefined, asked: string) {
  if (file === undefined) return answerNotFound(asked)
  const all = [...addWithImports(file, new Set())]
  const fileDescriptorProto = all.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto))
  return { case: 'fileDescriptorResponse' as const, value: { fileDescriptorProto } }
}

function answerNotFound(asked: string) {
  return answerError(Code.NotFound, `not found: ${asked}`)
}

function answerError(errorCode: Code, errorMessage: string) {
  return { case: 'errorResponse' as const, value: { errorCode, errorMessage } }
}
