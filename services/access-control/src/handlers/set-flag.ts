import { authorOf } from '#kit/author.ts'
import { readFlagSetting } from '../requests.ts'
import type { Rpc } from '../rpc.ts'
import type { FlagStore } from '../store/flag-store.ts'

export function setFlag(flags: FlagStore): Rpc<'setFlag'> {
  return async (request, context) => {
    await flags.set(readFlagSetting(request), authorOf(context))
    return {}
  }
}
