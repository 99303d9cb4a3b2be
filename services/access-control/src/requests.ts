import type {
  GrantPermissionRequest,
  RevokePermissionRequest,
  SetFlagRequest,
} from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import type { Resource as ResourceMessage } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { type FlagSetting, type FlagSubject, flags, isFlag } from './domain/flags.ts'
import type { Grant } from './domain/grant.ts'
import { isGrantable, type Resource } from './domain/permissions.ts'
import { collectFaults, limits, parseUuid, type RequestFaults } from './domain/request-faults.ts'
import { permissionOfNumber } from './permission-numbers.ts'

/** The grant that a request is about. INVALID_ARGUMENT. */
export function readGrant(request: GrantPermissionRequest | RevokePermissionRequest): Grant {
  const faults = collectFaults()
  const permission = permissionOfNumber(request.permission)
  const subject = readSubject(faults, request.subject)
  const resource = readResource(faults, request.resource)
  if (permission === undefined) {
    faults.add('permission', 'must be a known permission')
  } else if (!isGrantable(permission, resource)) {
    faults.add('permission', `${permission} can only be granted globally`)
  }
  faults.refuse()
  // Whole: what lacked a part was refused.
  return { permission, subject, resource } as Grant
}

/** The flag's setting that a request is about. INVALID_ARGUMENT. */
export function readFlagSetting({ flag, subject, enabled }: SetFlagRequest): FlagSetting {
  const faults = collectFaults()
  if (!isFlag(flag)) faults.add('flag', `must be one of ${flags.join(', ')}`)
  const target = readSubject(faults, subject)
  faults.refuse()
  return { flag, subject: target, enabled } as FlagSetting
}

/** The resource; undefined when absent. One that is there without a target is a fault: it must not pass for "globally". */
export function readResource(
  faults: RequestFaults,
  resource: ResourceMessage | undefined,
): Resource | undefined {
  if (resource === undefined) return undefined
  const { target } = resource
  if (target.case === undefined) {
    faults.add('resource', 'must name an organization or a program')
    return undefined
  }
  const kind = target.case === 'programId' ? 'program' : 'organization'
  const id = parseUuid(target.value)
  if (id === undefined) faults.add(`resource.${kind}_id`, 'must be a uuid')
  return { kind, id: id ?? '' }
}

function readSubject(faults: RequestFaults, subject: SetFlagRequest['subject']): FlagSubject | undefined {
  switch (subject.case) {
    case 'username':
      faults.checkText('username', subject.value, limits.username)
      return { kind: 'user', username: subject.value }
    case 'groupName':
      faults.checkText('group_name', subject.value, limits.groupName)
      return { kind: 'group', name: subject.value }
    case 'everyone':
      if (!subject.value) faults.add('everyone', 'must be true')
      return { kind: 'everyone' }
    default:
      faults.add('subject', 'must be set')
      return undefined
  }
}
