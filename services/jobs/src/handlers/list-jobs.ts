import { decodePageToken, encodePageToken, pageSizeOf } from '#kit/page.ts'
import type { Job, JobState } from '../domain/job.ts'
import { seesAllJobs } from '../domain/visibility.ts'
import { invalidArgument, isJobId, permissionDenied } from '../find-job.ts'
import { stateOf, type TellJob } from '../messages.ts'
import type { Rpc } from '../rpc.ts'
import type { JobPosition, JobStore } from '../store/job-store.ts'
import type { IdentifyViewer } from '../viewers.ts'

export type ListJobsDependencies = { store: JobStore; identifyViewer: IdentifyViewer; tellJob: TellJob }

export function listJobs({ store, identifyViewer, tellJob }: ListJobsDependencies): Rpc<'listJobs'> {
  return async (request, context) => {
    const viewer = await identifyViewer(context)
    const size = pageSizeOf(request.pageSize, { default: 100, maximum: 1_000 })
    if (request.allOwners && !seesAllJobs(viewer)) throw permissionDenied()
    // The operator's command starts no jobs of its own.
    const ownerId = viewer.kind === 'user' && !request.allOwners ? viewer.userId : undefined
    const filter = {
      ...(ownerId !== undefined && { ownerId }),
      ...(request.programKey !== '' && { programKey: request.programKey }),
      ...(request.states.length > 0 && { states: request.states.map(knownState) }),
    }
    const found = await store.list(filter, size + 1, readPosition(request.pageToken))
    const page = found.slice(0, size)
    return {
      jobs: await Promise.all(page.map(tellJob)),
      nextPageToken: found.length > size ? positionBehind(page.at(-1)) : '',
    }
  }
}

function knownState(number: Parameters<typeof stateOf>[0]): JobState {
  const state = stateOf(number)
  if (state === undefined) throw invalidArgument('states', 'must be states of a job')
  return state
}

function positionBehind(job: Job | undefined): string {
  return job === undefined ? '' : encodePageToken([String(job.createdAt), job.id])
}

function readPosition(token: string): JobPosition | undefined {
  if (token === '') return undefined
  const [createdAt, id] = decodePageToken<[string, string]>(token, isPosition)
  return { createdAt: BigInt(createdAt), id }
}

function isPosition(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [createdAt, id] = value
  return (
    typeof createdAt === 'string' && /^\d{1,17}$/.test(createdAt) && typeof id === 'string' && isJobId(id)
  )
}
