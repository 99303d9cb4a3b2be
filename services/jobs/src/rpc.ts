import type { ServiceImpl } from '@connectrpc/connect'
import type { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'

/** What a handler of the RPC with this name looks like. */
export type Rpc<Name extends keyof ServiceImpl<typeof JobsService>> = ServiceImpl<typeof JobsService>[Name]
