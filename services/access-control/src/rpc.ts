import type { ServiceImpl } from '@connectrpc/connect'
import type { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'

/** What a handler of the RPC with this name looks like. */
export type Rpc<Name extends keyof ServiceImpl<typeof AccessControlService>> = ServiceImpl<
  typeof AccessControlService
>[Name]
