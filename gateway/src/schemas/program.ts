import Type, { type Static } from 'typebox'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { CourseRun } from '#proto/registrar/catalog/v1/course_run_pb.ts'
import type { Program } from '#proto/registrar/catalog/v1/program_pb.ts'
import { nullableText } from './nullable.ts'

/** Permissions by the names that the API gives them, in the order in which it shows them. */
export const permissionsByName: ReadonlyMap<string, Permission> = new Map([
  ['read_enrollments', Permission.READ_ENROLLMENTS],
  ['read_metadata', Permission.READ_METADATA],
  ['read_reports', Permission.READ_REPORTS],
  ['write_enrollments', Permission.WRITE_ENROLLMENTS],
])

export const programSchema = Type.Object(
  {
    program_key: Type.String({ description: 'The school’s own key for the program.' }),
    program_title: Type.String({ description: 'Its title; its key while no title is known.' }),
    program_url: nullableText({ description: 'The page that advertises it.' }),
    program_type: nullableText({ description: 'Only programs of the type `Masters` have enrollments.' }),
    permissions: Type.Array(Type.String({ enum: [...permissionsByName.keys()] }), {
      description: 'What you may do on it, sorted.',
    }),
  },
  {
    description: 'A program.',
    examples: [
      {
        program_key: 'masters-in-cs',
        program_title: 'Master’s in Computer Science',
        program_url: 'https://school.example.com/masters-in-cs',
        program_type: 'Masters',
        permissions: ['read_enrollments', 'read_metadata', 'write_enrollments'],
      },
    ],
  },
)

export function renderProgram(program: Program): Static<typeof programSchema> {
  return {
    program_key: program.key,
    program_title: program.title,
    program_url: program.url ?? null,
    program_type: program.type ?? null,
    permissions: namesOf(program.permissions),
  }
}

function namesOf(permissions: readonly Permission[]): string[] {
  const names: string[] = []
  for (const [name, permission] of permissionsByName) {
    if (permissions.includes(permission)) names.push(name)
  }
  return names
}

export const courseRunSchema = Type.Object(
  {
    course_id: Type.String({ description: 'Internal key of the course run.' }),
    external_course_key: nullableText({ description: 'The school’s own key for it.' }),
    course_title: nullableText(),
    course_url: nullableText({ description: 'The page that advertises it.' }),
  },
  {
    description: 'A course run of the program.',
    examples: [
      {
        course_id: 'course-v1:Org+Course+Run',
        external_course_key: 'CS-101',
        course_title: 'Introduction',
        course_url: 'https://school.example.com/cs-101',
      },
    ],
  },
)

export function renderCourseRun(run: CourseRun): Static<typeof courseRunSchema> {
  return {
    course_id: run.key,
    external_course_key: run.externalKey ?? null,
    course_title: run.title ?? null,
    course_url: run.url ?? null,
  }
}
