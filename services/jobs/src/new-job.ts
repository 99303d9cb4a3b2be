import type { GetProgramResponse } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { NewJob } from './domain/job.ts'

const accountsFlag = 'include_name_email_in_get_program_enrollment'
const courseStaffFlag = 'enable_course_role_management'

/** What a new job takes from the catalog's answer: whose it is, what it is about, and which flags were on when it was asked for. */
export function newJobFrom({ program, caller }: GetProgramResponse): Omit<NewJob, 'id' | 'kind' | 'format'> {
  if (program === undefined || caller === undefined)
    throw new Error('the catalog named no program or no caller')
  return {
    ownerId: caller.userId,
    username: caller.username,
    programId: program.id,
    programKey: program.key,
    organizationKey: program.organizationKey,
    courseId: null,
    courseKey: null,
    rowsTotal: null,
    includeAccounts: caller.flags.includes(accountsFlag),
    includeCourseStaff: caller.flags.includes(courseStaffFlag),
  }
}
