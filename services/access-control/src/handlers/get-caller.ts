import type { IdentifyCaller } from '../callers.ts'
import { tellCaller } from '../messages.ts'
import type { Rpc } from '../rpc.ts'

export function getCaller(identifyCaller: IdentifyCaller): Rpc<'getCaller'> {
  return async (_request, context) => {
    const caller = await identifyCaller(context, [])
    return { caller: tellCaller(caller) }
  }
}
