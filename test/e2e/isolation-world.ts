import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import type { World } from '../fixtures/world.ts'

const roles = {
  read_metadata: ['read_metadata'],
  read_enrollments: ['read_enrollments', 'read_metadata'],
  read_write_enrollments: ['read_enrollments', 'read_metadata', 'write_enrollments'],
  read_reports: ['read_metadata', 'read_reports'],
} as const
type Role = keyof typeof roles
export type PermissionName = (typeof roles)[Role][number]

const ofEnrollments = ['read_enrollments', 'write_enrollments']

/** Where somebody has a role: in a school, or in one program of it. Numbers name schools and programs; they wrap around. */
type Grant = { role: Role; school: number; program: number | null }

/** Two schools and the people around them, as fast-check draws them. */
export type Plan = { schools: { isMasters: boolean }[][]; people: Grant[][] }

const grant: fc.Arbitrary<Grant> = fc.record({
  role: fc.constantFrom(...(Object.keys(roles) as Role[])),
  school: fc.nat(1),
  program: fc.option(fc.nat(2)),
})
const school = fc
  .array(fc.record({ isMasters: fc.boolean() }), { minLength: 0, maxLength: 2 })
  .map((more) => [{ isMasters: true }, ...more])

export const plans: fc.Arbitrary<Plan> = fc.record({
  schools: fc.tuple(school, school).map((both) => [...both]),
  // One partner of each school at least; others have roles wherever it happens, in both or nowhere too.
  people: fc
    .array(fc.array(grant, { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((more) => [
      [{ role: 'read_write_enrollments' as const, school: 0, program: null }],
      [{ role: 'read_write_enrollments' as const, school: 1, program: null }],
      ...more,
    ]),
})

export type LaidProgram = {
  key: string
  school: string
  isMasters: boolean
  /** In everything that is this program’s and that nobody asks with. */
  secret: string
  /** Learners of the program, all in its course run. */
  learners: Set<string>
}

export type Person = {
  token: string
  username: string
  jobs: Set<string>
  may(program: LaidProgram, permission: PermissionName): boolean
}

export type Laid = {
  schools: string[]
  programs: LaidProgram[]
  people: Person[]
  courseKey: string
  externalKey: string
}

/** Both schools give the same course run, under the same two keys, to learners of whom one has the same key everywhere. */
export async function layOut(world: World, plan: Plan): Promise<Laid> {
  const mark = randomBytes(4).toString('hex')
  const laid: Laid = {
    schools: plan.schools.map((_, at) => `iso-${mark}-${at}`),
    programs: [],
    people: [],
    courseKey: `course-v1:${mark}+SHARED+2026`,
    externalKey: `shared-${mark}`,
  }
  const ids = new Map<string, string>()
  for (const [at, programs] of plan.schools.entries()) {
    const key = laid.schools[at] as string
    const { organization } = await world.operator.catalog.createOrganization({ key })
    ids.set(key, organization?.id ?? '')
    for (const [number, { isMasters }] of programs.entries()) {
      const program = {
        key: `${key}-${number}`,
        school: key,
        isMasters,
        secret: `secret-${mark}-${at}-${number}`,
        learners: new Set<string>(),
      }
      ids.set(program.key, await layProgram(world, laid, program))
      laid.programs.push(program)
    }
  }
  for (const [at, grants] of plan.people.entries())
    laid.people.push(await layPerson(world, laid, ids, `person-${mark}-${at}`, grants))
  return laid
}

async function layProgram(world: World, laid: Laid, program: LaidProgram): Promise<string> {
  const { catalog, enrollment } = world.operator
  const { program: made } = await catalog.createProgram({
    key: program.key,
    organizationKey: program.school,
    type: program.isMasters ? 'Masters' : 'MicroMasters',
    title: `${program.secret} title`,
  })
  await catalog.addCourseRun({
    programKey: program.key,
    courseRun: { key: laid.courseKey, externalKey: laid.externalKey, title: `${program.secret} run` },
  })
  const learners = [
    `${program.secret}-a`,
    `${program.secret}-b`,
    program.key.endsWith('-0') ? 'shared-learner' : `${program.secret}-c`,
  ]
  const where = { programKey: program.key, mode: WriteMode.CREATE_OR_UPDATE }
  const write = (status: string) => learners.map((studentKey) => ({ studentKey, status }))
  await enrollment.writeProgramEnrollments({ ...where, enrollments: write('enrolled') })
  await enrollment.writeCourseEnrollments({
    ...where,
    courseId: laid.courseKey,
    enrollments: write('active'),
  })
  program.learners = new Set(learners)
  const folder = join(
    world.addresses.dataDir,
    'media',
    'program-reports',
    'reports_v2',
    program.school,
    (made?.discoveryUuid ?? '').replaceAll('-', ''),
  )
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${program.secret}__2026-01-01.csv`), program.secret)
  return made?.id ?? ''
}

async function layPerson(
  world: World,
  laid: Laid,
  ids: Map<string, string>,
  username: string,
  grants: Grant[],
): Promise<Person> {
  const { accessControl } = world.operator
  const groupNames: string[] = []
  const held: { role: Role; school: string; program?: LaidProgram }[] = []
  for (const { role, school: at, program: number } of grants) {
    const key = laid.schools[at] as string
    const ofSchool = laid.programs.filter((program) => program.school === key)
    const program = number === null ? undefined : ofSchool[number % ofSchool.length]
    const target =
      program === undefined
        ? { case: 'organizationId' as const, value: ids.get(key) ?? '' }
        : { case: 'programId' as const, value: ids.get(program.key) ?? '' }
    const name = `${username} ${groupNames.length}`
    await accessControl.createGroup({
      name,
      role: `${program ? 'program' : 'organization'}_${role}`,
      resource: { target },
    })
    groupNames.push(name)
    held.push({ role, school: key, ...(program && { program }) })
  }
  await accessControl.createUser({ username, groupNames })
  return {
    username,
    token: await world.token(username),
    jobs: new Set(),
    may: (program, permission) =>
      (program.isMasters || !ofEnrollments.includes(permission)) &&
      held.some(
        ({ role, school: key, program: only }) =>
          (roles[role] as readonly string[]).includes(permission) &&
          (only === undefined ? key === program.school : only === program),
      ),
  }
}
