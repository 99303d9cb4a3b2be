import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf'
import { access, ServiceCaller } from '#proto/registrar/auth/v1/access_pb.ts'
import { DomainError, Reason } from './errors.ts'
import type { Principal, ServiceName } from './principal.ts'

/** Who may call a method. */
export type Admitted = { users: boolean; services: readonly ServiceName[]; anonymous: boolean }

const serviceNames: Readonly<Record<number, ServiceName>> = {
  [ServiceCaller.JOBS_WORKER]: 'jobs-worker',
  [ServiceCaller.OPERATOR]: 'operator',
}
const admittedByMethod = new WeakMap<DescMethod, Admitted>()

/** Whom the method's `(registrar.auth.v1.access)` option admits: users only when it has none. */
export function admittedTo(method: DescMethod): Admitted {
  let admitted = admittedByMethod.get(method)
  if (admitted === undefined) {
    admitted = readAccess(method)
    admittedByMethod.set(method, admitted)
  }
  return admitted
}

function readAccess(method: DescMethod): Admitted {
  // Health and reflection tell nothing about anybody and are asked by tools that have no token.
  if (isPlumbing(method)) return { users: false, services: [], anonymous: true }
  if (!hasOption(method, access)) return { users: true, services: [], anonymous: false }
  const { users, services, anonymous } = getOption(method, access)
  return { users, services: services.flatMap((service) => serviceNames[service] ?? []), anonymous }
}

/** Whether a method belongs to the server itself (health, reflection), not to a service of ours. */
export function isPlumbing(method: DescMethod): boolean {
  return method.parent.typeName.startsWith('grpc.')
}

/** PERMISSION_DENIED or TOKEN_RESTRICTED unless the method admits the caller. */
export function admit(principal: Principal, admitted: Admitted): void {
  if (principal.kind === 'service') {
    if (admitted.services.includes(principal.service)) return
    throw new DomainError(Reason.PERMISSION_DENIED, `${principal.service} may not call this`)
  }
  if (principal.restricted) {
    throw new DomainError(Reason.TOKEN_RESTRICTED, 'You do not have permission to perform this action.')
  }
  if (!admitted.users) {
    throw new DomainError(Reason.PERMISSION_DENIED, 'this is for processes of the system only')
  }
}
