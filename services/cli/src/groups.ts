import type { Group } from '#proto/registrar/accesscontrol/v1/group_pb.ts'
import type { Services } from './services.ts'

/** All groups by name, read page by page. */
export async function* readGroups({ accessControl }: Pick<Services, 'accessControl'>): AsyncGenerator<Group> {
  let pageToken = ''
  do {
    const page = await accessControl.listGroups({ pageSize: 1_000, pageToken })
    yield* page.groups
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}
