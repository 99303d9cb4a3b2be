import { expect, test } from 'vitest'
import { detailsOf, jobNameOf, type NewJob, readKinds, summaryOf, writeKinds } from './job.ts'
import { canCancel, canSee, type Viewer } from './visibility.ts'

const job: NewJob = {
  id: 'job-1',
  kind: 'ListProgramEnrollments',
  ownerId: 'owner',
  username: 'ann',
  programId: 'program-1',
  programKey: 'masters-in-cs',
  organizationKey: 'school',
  courseId: null,
  courseKey: null,
  format: 'csv',
  includeAccounts: false,
  includeCourseStaff: false,
  rowsTotal: null,
}

test('jobs have the names that partners know', () => {
  expect([...readKinds, ...writeKinds].map((kind) => jobNameOf({ ...job, kind }))).toEqual([
    'masters-in-cs:read:list_program_enrollments',
    'masters-in-cs:read:list_course_run_enrollments',
    'masters-in-cs:read:list_all_course_run_enrollments',
    'get_course_run_grades',
    'masters-in-cs:write:write_program_enrollments',
    'masters-in-cs:write:write_course_run_enrollments',
  ])
})

test('operators read in words what a job is about, and not who asked', () => {
  expect(summaryOf(job)).toBe('Program enrollments of masters-in-cs, CSV')
  const course = {
    ...job,
    kind: 'GetCourseRunGrades',
    courseId: 'EXT',
    courseKey: 'course-v1:A+B+C',
  } as const
  expect(summaryOf(course)).toBe('Grades of masters-in-cs, EXT, CSV')
  expect(detailsOf(course)).toContain('course-v1:A+B+C')
  expect(detailsOf(course)).not.toContain('ann')
})

const user = (more: Partial<Extract<Viewer, { kind: 'user' }>> = {}): Viewer => ({
  kind: 'user',
  userId: 'somebody',
  isSuperuser: false,
  readsAllJobs: false,
  ...more,
})

test.each([
  ['the owner', user({ userId: 'owner' }), true, true],
  ['somebody else', user(), false, false],
  ['who reads all jobs', user({ readsAllJobs: true }), true, false],
  ['a superuser', user({ isSuperuser: true }), true, true],
  ['the operator', { kind: 'operator' } as const, true, true],
])('%s', (_, viewer, sees, cancels) => {
  expect(canSee(viewer, job)).toBe(sees)
  expect(canCancel(viewer, job)).toBe(cancels)
})
