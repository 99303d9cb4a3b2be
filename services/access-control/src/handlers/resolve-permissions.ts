import { DomainError, Reason } from '#kit/errors.ts'
import type { IdentifyCaller } from '../callers.ts'
import { collectFaults, parseUuid, type RequestFaults } from '../domain/request-faults.ts'
import { resolvePermissions as resolve } from '../domain/resolve-permissions.ts'
import { tellCaller, tellResourcePermissions } from '../messages.ts'
import type { Rpc } from '../rpc.ts'

const maximumPrograms = 1_000

export function resolvePermissions(identifyCaller: IdentifyCaller): Rpc<'resolvePermissions'> {
  return async (request, context) => {
    const isTooLarge = request.programs.length > maximumPrograms
    const faults = collectFaults()
    const programs = isTooLarge ? [] : readPrograms(faults, request.programs)

    // Before the refusals: a caller who is locked out hears that first.
    const ids = new Set(programs.flatMap(({ programId, organizationId }) => [programId, organizationId]))
    const caller = await identifyCaller(context, [...ids])
    if (isTooLarge) throw tooLarge()
    faults.refuse()

    return {
      caller: tellCaller(caller),
      programs: resolve(caller.held, programs).map(tellResourcePermissions),
    }
  }
}

function readPrograms(
  faults: RequestFaults,
  programs: readonly { programId: string; organizationId: string }[],
) {
  return programs.flatMap((program, index) => {
    const programId = parseUuid(program.programId)
    const organizationId = parseUuid(program.organizationId)
    if (programId === undefined) faults.add(`programs[${index}].program_id`, 'must be a uuid')
    if (organizationId === undefined) faults.add(`programs[${index}].organization_id`, 'must be a uuid')
    return programId === undefined || organizationId === undefined ? [] : [{ programId, organizationId }]
  })
}

function tooLarge(): DomainError {
  const description = `must be at most ${maximumPrograms}`
  return new DomainError(Reason.TOO_LARGE, `programs ${description}`, {
    fields: [{ field: 'programs', description }],
  })
}
