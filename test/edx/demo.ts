import { createHash } from 'node:crypto'
import { makePartners } from '#stack/demo.ts'
import {
  demoGrade,
  demoLearner,
  demoLearners,
  demoMasters,
  demoOrganizations,
  demoPrograms,
} from '#stack/demo-data.ts'
import type { Stack } from '#stack/stack.ts'
import { addressesOf } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'
import { type Edx, startEdx } from './edx.ts'

/** The stand-ins with the demo data in them: what the LMS and Discovery of a small installation would have. */
export async function startDemoEdx(ports: { lms: number; discovery: number }): Promise<{
  edx: Edx
  /** Takes the programs over into a system that runs beside them, with somebody for each role. Safe to repeat. */
  fill(stack: Stack): Promise<void>
  mintToken(username: string, exp: number): Promise<string>
}> {
  const edx = await startEdx(ports)
  loadCatalog(edx)
  loadLearners(edx)
  return {
    edx,
    fill: async (stack) => {
      const { catalog, accessControl } = (await connectWorld(addressesOf(stack))).operator
      await catalog.syncWithDiscovery({}, { timeoutMs: 60_000 })
      await catalog.importPrograms({
        programs: demoPrograms.map(({ key }) => ({ discoveryUuid: uuidOf(key), key })),
      })
      await makePartners({ accessControl, catalog })
    },
    mintToken: (username, exp) => edx.lms.tokens.mint(username, { exp }),
  }
}

function loadCatalog(edx: Edx): void {
  const organizations = demoOrganizations.map(({ key, name }) => ({ uuid: uuidOf(key), key, name }))
  edx.discovery.organizations.push(...organizations)
  for (const { key, organizationKey, type, title, courseRuns } of demoPrograms) {
    edx.addProgram({
      uuid: uuidOf(key),
      title,
      type,
      marketingSlug: key,
      organizations: organizations.filter((each) => each.key === organizationKey),
      curriculumUuid: uuidOf(`${key} curriculum`),
      courseRuns: [...courseRuns],
    })
  }
}

function loadLearners({ lms: { state } }: Edx): void {
  const program = state.addProgram(uuidOf(demoMasters.key))
  const [first, second] = demoMasters.courseRuns
  for (let index = 0; index < demoLearners; index++) {
    const { studentKey, status, account } = demoLearner(index)
    if (account !== undefined) state.linkAccount(studentKey, account)
    state.enroll(program, studentKey, status, uuidOf(`${demoMasters.key} curriculum`))
    for (const [run, count] of [
      [first, 3_000],
      [second, 500],
    ] as const) {
      const course = program.courses.get(run.key)
      if (course === undefined || index >= count) continue
      state.enrollInCourse(program, course, studentKey, index % 11 === 0 ? 'inactive' : 'active', false)
      const grade = demoGrade(index)
      if (grade === undefined) continue
      const { letterGrade, percent, passed } = grade
      course.grades.set(studentKey, { letter_grade: letterGrade, percent: Number(percent), passed })
    }
  }
}

// The same on every start, since the system keeps what it took over.
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(`registrar demo ${name}`).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
