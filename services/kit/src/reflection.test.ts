import { createRequire } from 'node:module'
import { fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { credentials, loadPackageDefinition, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RpcServer } from './rpc-server.ts'
import { startProbeServer } from './testing/probe-server.ts'
import { createTestTokens } from './testing/tokens.ts'

type Answer = {
  messageResponse: string
  listServicesResponse?: { service: { name: string }[] }
  fileDescriptorResponse?: { fileDescriptorProto: Buffer[] }
  allExtensionNumbersResponse?: { baseTypeName: string; extensionNumber: number[] }
  errorResponse?: { errorCode: number; errorMessage: string }
  originalRequest: object
}
type Stream = NodeJS.EventEmitter & { write(request: object): void; end(): void }

let server: RpcServer
beforeAll(async () => {
  server = await startProbeServer(await createTestTokens(), {})
})
afterAll(() => server.close())

describe.each(['v1', 'v1alpha'])('%s, asked by grpc-js', (version) => {
  // One stream for all questions, as tools do.
  async function ask(...requests: object[]): Promise<Answer[]> {
    const protoPath = createRequire(import.meta.url)
      .resolve('@grpc/reflection')
      .replace(/build[\\/].*$/, `build/proto/grpc/reflection/${version}/reflection.proto`)
    const { grpc } = loadPackageDefinition(loadSync(protoPath, { oneofs: true })) as never as {
      grpc: {
        reflection: Record<
          string,
          { ServerReflection: new (...args: unknown[]) => { serverReflectionInfo(): Stream; close(): void } }
        >
      }
    }
    const Client = grpc.reflection[version]?.ServerReflection as NonNullable<
      (typeof grpc.reflection)[string]
    >['ServerReflection']
    const client = new Client(new URL(server.url).host, credentials.createInsecure())
    const stream = client.serverReflectionInfo()
    const answers: Answer[] = []
    try {
      await new Promise((resolve, reject) => {
        stream.on('data', (answer: Answer) => answers.push(answer))
        stream.on('error', reject)
        stream.on('end', resolve)
        for (const request of requests) stream.write(request)
        stream.end()
      })
    } finally {
      client.close()
    }
    return answers
  }

  function filesOf(answer: Answer | undefined) {
    const files = answer?.fileDescriptorResponse?.fileDescriptorProto ?? []
    return files.map((file) => fromBinary(FileDescriptorProtoSchema, file))
  }

  test('all services are listed', async () => {
    const [answer] = await ask({ listServices: '*' })
    expect(answer?.listServicesResponse?.service.map(({ name }) => name)).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'registrar.probe.v1.ProbeService',
    ])
  })

  test.each(['registrar.probe.v1.ProbeService', 'registrar.probe.v1.ProbeService.Ask'])(
    'the file of %s comes with all that it imports',
    async (symbol) => {
      const [answer] = await ask({ fileContainingSymbol: symbol })
      const files = filesOf(answer)
      expect(files[0]?.name).toBe('registrar/probe/v1/probe.proto')
      expect(files[0]?.service[0]?.method.map(({ name }) => name)).toContain('Count')
      const names = files.map(({ name }) => name)
      expect(names.toSorted()).toEqual([
        'google/protobuf/descriptor.proto',
        'google/protobuf/wrappers.proto',
        'registrar/auth/v1/access.proto',
        'registrar/probe/v1/probe.proto',
      ])
      for (const { dependency } of files) expect(names).toEqual(expect.arrayContaining(dependency))
    },
  )

  test.each([
    ['a message', 'google.protobuf.StringValue', 'google/protobuf/wrappers.proto'],
    ['a field', 'google.protobuf.StringValue.value', 'google/protobuf/wrappers.proto'],
    ['an enum', 'registrar.auth.v1.ServiceCaller', 'registrar/auth/v1/access.proto'],
    ['an enum value', 'registrar.auth.v1.SERVICE_CALLER_OPERATOR', 'registrar/auth/v1/access.proto'],
    [
      'a nested enum value',
      'google.protobuf.FieldDescriptorProto.TYPE_BOOL',
      'google/protobuf/descriptor.proto',
    ],
    ['the detail of an error', 'google.rpc.ErrorInfo', 'google/rpc/error_details.proto'],
    ['an extension', 'registrar.auth.v1.access', 'registrar/auth/v1/access.proto'],
  ])('the file of %s', async (_, symbol, file) => {
    const [answer] = await ask({ fileContainingSymbol: symbol })
    expect(filesOf(answer)[0]?.name).toBe(file)
  })

  test('files by name, by extension, and the extensions of a type', async () => {
    const extension = { containingType: 'google.protobuf.MethodOptions', extensionNumber: 50301 }
    const answers = await ask(
      { fileByFilename: 'google/protobuf/wrappers.proto' },
      { fileContainingExtension: extension },
      { allExtensionNumbersOfType: 'google.protobuf.MethodOptions' },
      { allExtensionNumbersOfType: 'google.protobuf.StringValue' },
    )
    expect(filesOf(answers[0])[0]?.name).toBe('google/protobuf/wrappers.proto')
    expect(filesOf(answers[1])[0]?.name).toBe('registrar/auth/v1/access.proto')
    expect(answers[1]?.originalRequest).toMatchObject({ fileContainingExtension: extension })
    expect(answers[2]?.allExtensionNumbersResponse).toEqual({
      baseTypeName: 'google.protobuf.MethodOptions',
      extensionNumber: [50301],
    })
    expect(answers[3]?.allExtensionNumbersResponse?.extensionNumber ?? []).toEqual([])
  })

  test('what is not there is told, and the stream goes on', async () => {
    const answers = await ask(
      { fileContainingSymbol: 'registrar.Nothing' },
      { fileContainingSymbol: 'registrar.probe.v1.ProbeService.Nothing' },
      { fileContainingSymbol: 'nothing' },
      { fileByFilename: 'nothing.proto' },
      { allExtensionNumbersOfType: 'nothing' },
      { fileContainingExtension: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 1 } },
      { host: 'localhost' },
    )
    expect(answers.map(({ errorResponse }) => errorResponse?.errorCode)).toEqual([
      ...Array(6).fill(status.NOT_FOUND),
      status.INVALID_ARGUMENT,
    ])
  })
})
