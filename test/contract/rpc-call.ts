import { type DescMessage, type DescMethod, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError, type Transport } from '@connectrpc/connect'
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from '#proto/google/rpc/error_details_pb.ts'
import { StatusSchema } from '#proto/google/rpc/status_pb.ts'

/** What came of a call, however it went over the wire. */
export type Answer = {
  /** As gRPC names it, such as `NOT_FOUND`. */
  code: string
  /** `OK`, or the reason of `google.rpc.ErrorInfo`; the code when there is none. */
  reason: string
  message: string
  domain?: string
  /** The fields that `google.rpc.BadRequest` names. */
  fields: string[]
  /** Whether `google.rpc.RetryInfo` is there. */
  saysWhenToRetry: boolean
  /** All that was sent back before the end. */
  messages: Message[]
}

/** A way to call any method of a service that listens at an address. */
export type Caller = {
  /** With `onlyFirst` it leaves after the first message; the deadline is a minute away, or `withinMs`. */
  call(
    method: DescMethod,
    request: Message,
    headers: Record<string, string>,
    options?: { onlyFirst?: boolean; withinMs?: number },
  ): Promise<Answer>
  close(): void
}

const usuallyWithinMs = 60_000

/** Calls as a service in any language does that uses gRPC’s own library. */
export function callByGrpc(url: string): Caller {
  const client = new Client(new URL(url).host, credentials.createInsecure())
  return {
    call(method, request, headers, { onlyFirst = false, withinMs = usuallyWithinMs } = {}) {
      const { promise, resolve } = Promise.withResolvers<Answer>()
      const messages: Message[] = []
      const end = (error?: Partial<ServiceError>) => resolve(describeGrpc(error, messages))
      const call = client.makeServerStreamRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: Message) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        request,
        Metadata.fromHttp2Headers(headers),
        { deadline: Date.now() + withinMs },
      )
      call.on('data', (message: Message) => {
        messages.push(message)
        if (!onlyFirst) return
        end()
        call.cancel()
      })
      call.on('error', end)
      call.on('end', () => end())
      return promise
    },
    close: () => client.close(),
  }
}

/** Calls by the Connect protocol, in JSON, as curl or a browser would. */
export function callByConnect(url: string): Caller {
  const sessionManager = new Http2SessionManager(url)
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '2',
    useBinaryFormat: false,
    sessionManager,
  })
  return {
    async call(method, request, headers, { onlyFirst = false, withinMs = usuallyWithinMs } = {}) {
      const messages: Message[] = []
      try {
        for await (const message of answersTo(transport, method, request, headers, withinMs)) {
          messages.push(message)
          if (onlyFirst) break
        }
        return describe('OK', '', messages)
      } catch (error) {
        return describeConnect(ConnectError.from(error), messages)
      }
    },
    close: () => sessionManager.abort(),
  }
}

async function* answersTo(
  transport: Transport,
  method: DescMethod,
  request: Message,
  headers: Record<string, string>,
  withinMs: number,
): AsyncGenerator<Message> {
  const left = new AbortController()
  const { signal } = left
  try {
    if (method.methodKind === 'unary') {
      yield (await transport.unary(method as never, signal, withinMs, headers, request as never)).message
      return
    }
    const only = (async function* () {
      yield request
    })()
    yield* (await transport.stream(method as never, signal, withinMs, headers, only as never)).message
  } finally {
    left.abort()
  }
}

function describeGrpc(error: Partial<ServiceError> | undefined, messages: Message[]): Answer {
  const [bytes] = error?.metadata?.get('grpc-status-details-bin') ?? []
  const details = bytes === undefined ? [] : fromBinary(StatusSchema, bytes as Buffer).details
  const find = <D extends DescMessage>(schema: D) =>
    details.map((detail) => anyUnpack(detail, schema)).find((detail) => detail !== undefined)
  const code = status[error?.code ?? status.OK]
  return describe(code, error?.details ?? '', messages, {
    info: find(ErrorInfoSchema),
    badRequest: find(BadRequestSchema),
    retry: find(RetryInfoSchema),
  })
}

function describeConnect(error: ConnectError, messages: Message[]): Answer {
  const code = Code[error.code].replaceAll(/(?<!^)([A-Z])/g, '_$1').toUpperCase()
  return describe(code, error.rawMessage, messages, {
    info: error.findDetails(ErrorInfoSchema)[0],
    badRequest: error.findDetails(BadRequestSchema)[0],
    retry: error.findDetails(RetryInfoSchema)[0],
  })
}

type Details = {
  info?: ErrorInfo | undefined
  badRequest?: BadRequest | undefined
  retry?: RetryInfo | undefined
}

function describe(
  code: string,
  message: string,
  messages: Message[],
  { info, badRequest, retry }: Details = {},
): Answer {
  return {
    code,
    reason: info?.reason ?? code,
    message,
    ...(info !== undefined && { domain: info.domain }),
    fields: badRequest?.fieldViolations.map(({ field }) => field) ?? [],
    saysWhenToRetry: retry !== undefined,
    messages,
  }
}
