import { createSchool, type School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'
import { runJob } from './read-jobs.ts'

/** One request of the mix. */
export type LoadRequest = {
  kind: string
  path: string
  token: string
  /** Posts 25 learners who are not enrolled yet. */
  writes: boolean
  expected: number
}

/** What the generator is told, and what it tells after. */
export type LoadCommand = { origin: string; requests: LoadRequest[]; rate: number; seconds: number }
export type LoadReport = { answers: { kind: string; ms: number; isOk: boolean }[]; seconds: number }

/** What is mixed, in parts of a hundred. */
export const mix = [
  ['GET /programs', 40],
  ['GET /programs/P', 30],
  ['GET /jobs/J', 15],
  ['POST 25 enrollments', 10],
  ['start a read job of 100 rows', 5],
] as const

const schools = 10
const rowsOfJob = 100

/** A hundred requests of each of some schools, mixed as `mix` says. */
export async function planLoad(world: World): Promise<LoadRequest[]> {
  const requests: LoadRequest[] = []
  for (let index = 0; index < schools; index++) {
    const school = await createSchool(world)
    await school.enroll(school.masters, rowsOfJob)
    const token = await school.partner('organization_read_write_enrollments')
    const written = `${school.key}-written`
    await world.operator.catalog.createProgram({ key: written, organizationKey: school.key, type: 'Masters' })
    const kinds = requestsOf(school, written, await endedJob(world, school, token))
    for (const [kind, parts] of mix) {
      const { path, writes = false, expected = 200 } = kinds[kind]
      for (let part = 0; part < parts; part++) requests.push({ kind, path, token, writes, expected })
    }
  }
  return requests
}

type Kind = (typeof mix)[number][0]

function requestsOf(
  school: School,
  written: string,
  jobPath: string,
): Record<Kind, { path: string; writes?: boolean; expected?: number }> {
  const program = `/api/v1/programs/${school.masters.key}`
  return {
    'GET /programs': { path: '/api/v1/programs' },
    'GET /programs/P': { path: program },
    'GET /jobs/J': { path: jobPath },
    'POST 25 enrollments': { path: `/api/v1/programs/${written}/enrollments`, writes: true },
    'start a read job of 100 rows': { path: `${program}/enrollments`, expected: 202 },
  }
}

async function endedJob(world: World, school: School, token: string): Promise<string> {
  const url = `${world.addresses.gateway}/api/v1/programs/${school.masters.key}/enrollments`
  return new URL(await runJob(url, token)).pathname
}
