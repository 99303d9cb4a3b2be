import { decodePageToken, encodePageToken, pageSizeOf } from '#kit/page.ts'
import { isStorable, limits } from '../domain/request-faults.ts'
import { tellGroup } from '../messages.ts'
import type { Rpc } from '../rpc.ts'
import type { GroupStore } from '../store/group-store.ts'

const pageSizes = { default: 100, maximum: 1_000 }

export function listGroups(groups: GroupStore): Rpc<'listGroups'> {
  return async ({ pageSize, pageToken }) => {
    const size = pageSizeOf(pageSize, pageSizes)
    const after = pageToken === '' ? undefined : decodePageToken<string>(pageToken, isGroupName)
    // One more than asked for tells whether there is a next page.
    const found = await groups.list(size + 1, after)
    const page = found.slice(0, size)
    const last = page.at(-1)
    return {
      groups: page.map(tellGroup),
      nextPageToken: found.length > size && last ? encodePageToken(last.name) : '',
    }
  }
}

function isGroupName(value: unknown): boolean {
  return typeof value === 'string' && isStorable(value, limits.groupName)
}
