import { randomUUID } from 'node:crypto'
import { type LmsStandIn, startLms } from '#edx/lms.ts'
import { createLogger } from '#kit/logger.ts'
import { createUpstream, type UpstreamOptions } from '#kit/upstream.ts'
import type { EnrollmentBackend } from '../backends/backend.ts'
import { createLmsBackend } from '../backends/lms/lms-backend.ts'
import type { EnrollmentCourseRun, EnrollmentProgram } from '../domain/program.ts'
import type { AuditTrail } from '../store/audit-trail.ts'

/** The LMS backend beside a stand-in LMS. */
export type TestLms = {
  lms: LmsStandIn
  backend: EnrollmentBackend
  /** A backend of its own beside the same LMS. */
  connect(options?: { pageSize?: number; limits?: UpstreamOptions['limits'] }): EnrollmentBackend
  /** A program with a course run that the LMS knows. */
  makeProgram(): { program: EnrollmentProgram & { activeCurriculumUuid: string }; run: EnrollmentCourseRun }
  close(): Promise<void>
}

// What is put down is tested with the backends' contract.
const untoldTrail: AuditTrail = {
  begin: async () => '1',
  conclude: async () => {},
  fail: async () => {},
}

export async function startTestLms(): Promise<TestLms> {
  const lms = await startLms()
  const { client } = lms.tokens
  const closing: (() => Promise<void>)[] = []
  const connect: TestLms['connect'] = ({ pageSize = 1_000, limits } = {}) => {
    const upstream = createUpstream({
      name: 'LMS',
      baseUrl: lms.url,
      credentials: { ...client, providerUrl: `${lms.url}/oauth2` },
      logger: createLogger('test', 'silent'),
      limits,
    })
    closing.push(() => upstream.close())
    return createLmsBackend(upstream, { pageSize, trail: untoldTrail })
  }
  return {
    lms,
    backend: connect(),
    connect,
    makeProgram() {
      const key = `course-v1:Org+${randomUUID()}+1`
      const uuid = randomUUID()
      lms.state.addProgram(uuid, [key])
      const program = {
        uuid,
        organizationId: randomUUID(),
        called: { id: randomUUID(), key: 'program', organizationKey: 'school' },
        activeCurriculumUuid: randomUUID(),
      }
      return { program, run: { key, publicKey: 'external' } }
    },
    async close() {
      for (const close of closing) await close()
      await lms.close()
    },
  }
}
