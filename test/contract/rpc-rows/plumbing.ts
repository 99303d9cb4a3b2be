import { expect } from 'vitest'
import { ServerReflection } from '#proto/grpc/reflection/v1/reflection_pb.ts'
import { ServerReflection as ServerReflectionV1alpha } from '#proto/grpc/reflection/v1alpha/reflection_pb.ts'
import { Health, HealthCheckResponse_ServingStatus as Status } from '#proto/health/v1/health_pb.ts'
import { type Row, row } from '../rpc-row.ts'

const list = { messageRequest: { case: 'listServices' as const, value: '' } }

/** What every process of the services answers, to everybody. */
export const plumbingRows: Row[] = [
  row(Health.method.check, 'of the process', {
    anybody: 'OK',
    check: ([answer]) => expect(answer?.status).toBe(Status.SERVING),
  }),
  row(Health.method.list, 'of all', { anybody: 'OK' }),
  row(Health.method.watch, 'the process', {
    anybody: 'OK',
    onlyFirst: true,
    check: ([answer]) => expect(answer?.status).toBe(Status.SERVING),
  }),
  ...[ServerReflection, ServerReflectionV1alpha].map((version) =>
    row((version as typeof ServerReflection).method.serverReflectionInfo, 'the services', {
      anybody: 'OK',
      ask: () => list,
      check: ([answer]) => expect(answer?.messageResponse.case).toBe('listServicesResponse'),
    }),
  ),
]
