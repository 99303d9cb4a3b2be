import type { Client, HandlerContext } from '@connectrpc/connect'
import { callOptionsOf, principalOf } from '#kit/call-context.ts'
import type { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { Viewer } from './domain/visibility.ts'

/** Tells who asks about jobs. USER_INACTIVE. */
export type IdentifyViewer = (context: HandlerContext) => Promise<Viewer>

export function createIdentifyViewer(accessControl: Client<typeof AccessControlService>): IdentifyViewer {
  return async (context) => {
    if (principalOf(context).kind === 'service') return { kind: 'operator' }
    const { caller } = await accessControl.getCaller({}, callOptionsOf(context))
    if (caller === undefined) throw new Error('access control named no caller')
    return {
      kind: 'user',
      userId: caller.userId,
      isSuperuser: caller.superuser,
      readsAllJobs: caller.globalPermissions.includes(Permission.JOB_GLOBAL_READ),
    }
  }
}
