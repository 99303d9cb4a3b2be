import { DomainError, Reason } from '#kit/errors.ts'
import type { Permission } from './permission.ts'

export function programNotFound(): DomainError {
  return new DomainError(Reason.PROGRAM_NOT_FOUND, 'there is no program with this key')
}

export function organizationNotFound(): DomainError {
  return new DomainError(Reason.ORGANIZATION_NOT_FOUND, 'there is no organization with this key')
}

export function alreadyExists(what: string): DomainError {
  return new DomainError(Reason.ALREADY_EXISTS, `there is already ${what}`)
}

export function permissionMissing(permission: Permission): DomainError {
  return new DomainError(Reason.PERMISSION_DENIED, `${permission} is needed on this program`, {
    metadata: { missing_permission: permission },
  })
}

export function superuserNeeded(): DomainError {
  return new DomainError(Reason.PERMISSION_DENIED, 'only a superuser may change the catalog')
}

export function staffNeeded(): DomainError {
  return new DomainError(Reason.PERMISSION_DENIED, 'only staff may make the catalog forget')
}

export function typeUndecided(): DomainError {
  return new DomainError(
    Reason.UPSTREAM_UNAVAILABLE,
    'Discovery has not told yet whether this program has enrollments',
    { retryAfterSeconds: 10 },
  )
}

/** The catalog of this deployment is Discovery's. */
export function keptByDiscovery(): DomainError {
  return new DomainError(Reason.WRONG_BACKEND, 'Discovery keeps the course runs here: add them there')
}

export function discoveryNotSet(): DomainError {
  return new DomainError(Reason.WRONG_BACKEND, 'there is no Discovery to read from: set DISCOVERY_BASE_URL')
}

export function unknownToDiscovery(discoveryUuid: string): DomainError {
  return new DomainError(Reason.PROGRAM_NOT_FOUND, 'Discovery has no such program', {
    metadata: { discovery_uuid: discoveryUuid },
  })
}

export function noAuthoringOrganization(discoveryUuid: string): DomainError {
  return new DomainError(
    Reason.ORGANIZATION_NOT_FOUND,
    'no authoring organization of the program has a key',
    {
      metadata: { discovery_uuid: discoveryUuid },
    },
  )
}

export function noActiveCurriculum(): DomainError {
  return new DomainError(Reason.NO_ACTIVE_CURRICULUM, 'the program has no active curriculum')
}

export function tooManyCourseIds(maximum: number): DomainError {
  const description = `course_ids can be at most ${maximum}`
  return new DomainError(Reason.TOO_LARGE, description, { fields: [{ field: 'course_ids', description }] })
}

/** A field of the request that is wrong; the description is a phrase that stands by itself. */
export type Fault = { field: string; description: string }

export function invalidArgument(faults: Fault[]): DomainError {
  const message = faults.map(({ description }) => description).join('; ')
  return new DomainError(Reason.INVALID_ARGUMENT, message, { fields: faults })
}
