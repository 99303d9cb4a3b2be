import type { HandlerContext } from '@connectrpc/connect'
import { principalOf } from '#kit/call-context.ts'
import { DomainError, Reason } from '#kit/errors.ts'
import type { IdentifyCaller } from './callers.ts'

type Handler<Request, Response> = (request: Request, context: HandlerContext) => Response | Promise<Response>

/** Puts a handler behind a door that opens to superusers and to the operator's command. PERMISSION_DENIED, USER_INACTIVE. */
export type OperatorsOnly = <Request, Response>(
  handler: Handler<Request, Response>,
) => Handler<Request, Response>

export function createOperatorsOnly(identifyCaller: IdentifyCaller): OperatorsOnly {
  return (handler) => async (request, context) => {
    const principal = principalOf(context)
    const isOperator =
      principal.kind === 'service'
        ? principal.service === 'operator'
        : (await identifyCaller(context, [])).superuser
    if (!isOperator) {
      throw new DomainError(Reason.PERMISSION_DENIED, 'You do not have permission to perform this action.')
    }
    return await handler(request, context)
  }
}
