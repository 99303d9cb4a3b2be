import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRpcClient } from '#kit/rpc-client.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobKind, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import type { School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'
import type { Person } from './rpc-callers.ts'
import type { Ground } from './rpc-row.ts'

/** What the rows ask about, made in the running system. */
export async function layGround(
  world: World,
  school: School,
  other: School,
  people: readonly Person[],
): Promise<Ground> {
  const { accessControl } = world.operator
  await school.enroll(school.masters, 3)
  const mark = randomBytes(4).toString('hex')
  const victim = { username: `victim-${mark}`, group: `victims ${mark}` }
  await accessControl.createUser({ username: victim.username })
  await accessControl.createGroup({ name: victim.group })
  // On for somebody, so that it is settled what superusers have.
  for (const flag of ['enable_course_role_management', 'include_name_email_in_get_program_enrollment']) {
    const subject = { case: 'username' as const, value: victim.username }
    await accessControl.setFlag({ flag, subject, enabled: true })
  }
  const owner = people.find(({ ownsJob }) => ownsJob) as Person
  return { world, school, other, victim, job: await runJobOf(world, school, owner) }
}

/** A job that its owner has started while they might, and no longer may. */
async function runJobOf(world: World, school: School, owner: Person): Promise<Ground['job']> {
  const { accessControl, jobs: operatorJobs } = world.operator
  const membership = { username: owner.username(), groupName: `readers for a while ${owner.username()}` }
  const resource = { target: { case: 'organizationId' as const, value: school.id } }
  await accessControl.createGroup({
    name: membership.groupName,
    role: 'organization_read_enrollments',
    resource,
  })
  await accessControl.addGroupMember(membership)
  const jobs = createRpcClient(JobsService, world.addresses.jobs)
  const headers = await owner.headers('Bearer')
  const { job } = await jobs.createReadJob(
    { kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey: school.masters.key },
    { headers },
  )
  const id = job?.id ?? ''
  let last = job
  for await (const update of operatorJobs.watchJob({ id })) last = update.job
  if (last?.state !== JobState.SUCCEEDED) throw new Error(`the job of the tests ended as ${last?.state}`)
  await accessControl.removeGroupMember(membership)
  return { id, object: takeApart(last.resultUrl ?? '') }
}

function takeApart(link: string): Ground['job']['object'] {
  const url = new URL(link)
  const [, bucket = '', key = ''] = /\/media\/([^/]+)\/(.+)$/.exec(url.pathname) ?? []
  return {
    bucket,
    key,
    expires: BigInt(url.searchParams.get('expires') ?? 0),
    signature: url.searchParams.get('signature') ?? '',
  }
}

/** The table that the documentation promises: what each reason is called over gRPC and over REST. */
export function readErrorTable(): ReadonlyMap<string, { code: string; status: number; body: string }> {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const rows = page.matchAll(/^\| `(\w+)` \|.*\| `(\w+)` \| (\d+) \| `(.*)` \|$/gm)
  return new Map(
    [...rows].map(([, reason = '', code = '', status, body = '']) => [
      reason,
      { code, status: Number(status), body },
    ]),
  )
}

/** Everything that a call could have changed, as text to look for names in; learners as `reader` sees them. */
export async function describeAll({ world, school, other, victim }: Ground, reader: Person): Promise<string> {
  const enrollment = createRpcClient(EnrollmentService, world.addresses.enrollment)
  const headers = await reader.headers('Bearer')
  const { accessControl, catalog } = world.operator
  const found: unknown[] = [await accessControl.getUser({ username: victim.username })]
  for (let pageToken = '', isLast = false; !isLast; ) {
    const page = await accessControl.listGroups({ pageToken, pageSize: 1_000 })
    found.push(
      ...page.groups.map(
        ({ name, memberCount }) => `${name} ${memberCount > 0 ? 'with' : 'without'} members`,
      ),
    )
    pageToken = page.nextPageToken
    isLast = pageToken === ''
  }
  for (const each of [school, other]) {
    found.push(await catalog.listPrograms({ organizationKey: each.key, pageSize: 1_000 }))
    for (const { key: programKey } of [each.masters, each.micro])
      found.push(await catalog.listCourseRuns({ programKey }))
    for await (const batch of enrollment.streamProgramEnrollments(
      { programKey: each.masters.key },
      { headers },
    ))
      found.push(batch)
  }
  return JSON.stringify(found, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}
