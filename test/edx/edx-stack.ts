import { randomBytes, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { type Stack, startStack } from '#stack/stack.ts'
import { addressesOf, freeEnvironment } from '../fixtures/stack.ts'
import { connectWorld, type World } from '../fixtures/world.ts'
import { type Edx, startEdx } from './edx.ts'

/** A whole system beside an LMS and a Discovery, whose tokens callers have. */
export type EdxStack = {
  edx: Edx
  stack: Stack
  world: World
  /** `<gateway>/api/v1/programs` */
  programsUrl: string
  /** All that its processes have written. */
  lines: string[]
  /** A school with so many Masters programs, known to Discovery, the LMS and the system; its partner reads and writes in all. */
  makeSchool(programs: number): Promise<EdxSchool>
  close(): Promise<void>
}

export type EdxSchool = { key: string; organizationId: string; token: string; programs: EdxProgram[] }

export type EdxProgram = {
  key: string
  uuid: string
  curriculumUuid: string
  withExternalKey: { key: string; externalKey: string }
  withoutExternalKey: { key: string }
}

export async function startEdxStack(settings: NodeJS.ProcessEnv = {}): Promise<EdxStack> {
  const edx = await startEdx()
  const lines: string[] = []
  const env = await freeEnvironment({ ...edx.settings, ...edx.tokenSettings, ...settings })
  const output = (name: string, line: string) => void lines.push(`${name} | ${line}`)
  const stack = await startStack({ env, log: () => {}, output }).catch(async (error) => {
    await edx.close()
    throw new Error(`the system did not start: ${lines.join('\n')}`, { cause: error })
  })
  const world = await connectWorld(addressesOf(stack))
  return {
    edx,
    stack,
    world,
    programsUrl: `${stack.urls.gateway}/api/v1/programs`,
    lines,
    makeSchool: (programs) => makeSchool(edx, world, programs),
    async close() {
      await stack.stop()
      await edx.close()
      await rm(stack.settings.dataDir, { recursive: true, force: true })
    },
  }
}

async function makeSchool(edx: Edx, { operator }: World, count: number): Promise<EdxSchool> {
  const key = `school-${randomBytes(4).toString('hex')}`
  const organization = { uuid: randomUUID(), key, name: `School ${key}` }
  edx.discovery.organizations.push(organization)
  const programs = Array.from({ length: count }, (_, index) => makeProgram(edx, organization, index))
  await operator.catalog.importPrograms({
    programs: programs.map((program) => ({ discoveryUuid: program.uuid, key: program.key })),
  })
  const { organization: imported } = await operator.catalog.getOrganization({ key })
  const organizationId = imported?.id ?? ''
  const username = `partner-of-${key}`
  const resource = { target: { case: 'organizationId' as const, value: organizationId } }
  await operator.accessControl.createGroup({
    name: key,
    role: 'organization_read_write_enrollments',
    resource,
  })
  await operator.accessControl.createUser({ username, groupNames: [key] })
  return { key, organizationId, token: await edx.lms.tokens.mint(username), programs }
}

function makeProgram(edx: Edx, organization: { uuid: string; key: string }, index: number): EdxProgram {
  const program = {
    key: `${organization.key}-${index}`,
    uuid: randomUUID(),
    curriculumUuid: randomUUID(),
    withExternalKey: {
      key: `course-v1:${organization.key}+ONE+${index}`,
      externalKey: `${organization.key}-one-${index}`,
    },
    withoutExternalKey: { key: `course-v1:${organization.key}+TWO+${index}` },
  }
  edx.addProgram({
    uuid: program.uuid,
    title: `Masters ${index} of ${organization.key}`,
    curriculumUuid: program.curriculumUuid,
    organizations: [organization],
    courseRuns: [
      { ...program.withExternalKey, title: 'One' },
      { ...program.withoutExternalKey, title: 'Two' },
    ],
  })
  return program
}
