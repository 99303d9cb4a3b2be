import type { Migration } from '#kit/migrate.ts'

// Keys compare by code point: "C" is that order in UTF-8, and the fastest.
// `previous_…` is what the last change replaced: the statement that changes a row learns from it what to put down in the history.
const programEnrollments = `
  create table program_enrollments (
    program_uuid uuid not null,
    id bigint generated always as identity,
    student_key text collate "C" not null check (char_length(student_key) between 1 and 255),
    status text not null check (status in ('enrolled', 'pending', 'suspended', 'canceled', 'ended')),
    previous_status text,
    curriculum_uuid uuid not null,
    username text,
    email text,
    created timestamptz not null default now(),
    updated timestamptz not null default now(),
    primary key (program_uuid, id),
    constraint program_enrollments_learner unique (program_uuid, student_key)
  )`

// A learner is active in a run by way of one program only. A student key names a person within one organization: two schools may
// use the same key for different people, and one must not find out from a conflict whom the other one teaches.
const courseEnrollments = `
  create table course_enrollments (
    program_uuid uuid not null,
    course_key text collate "C" not null,
    id bigint generated always as identity,
    organization_id uuid not null,
    student_key text collate "C" not null,
    status text not null check (status in ('active', 'inactive')),
    previous_status text,
    course_staff boolean,
    previous_course_staff boolean,
    created timestamptz not null default now(),
    updated timestamptz not null default now(),
    primary key (program_uuid, course_key, id),
    constraint course_enrollments_learner unique (program_uuid, course_key, student_key)
  )`
const activeByOneProgram = `
  create unique index course_enrollments_active_by_one_program
    on course_enrollments (organization_id, course_key, student_key) where status = 'active'`

const courseGrades = `
  create table course_grades (
    program_uuid uuid not null,
    course_key text collate "C" not null,
    id bigint generated always as identity,
    student_key text collate "C" not null,
    letter_grade text,
    percent numeric(4, 3),
    passed boolean,
    error text,
    created timestamptz not null default now(),
    updated timestamptz not null default now(),
    primary key (program_uuid, course_key, id),
    constraint course_grades_learner unique (program_uuid, course_key, student_key),
    constraint course_grades_grade_or_error check (
      (error is null and percent is not null and passed is not null)
      or (error is not null and letter_grade is null and percent is null and passed is null)
    )
  )`

// Only ever added to. Without a course key it is about the program itself; without a previous status the learner is new.
const enrollmentHistory = `
  create table enrollment_history (
    program_uuid uuid not null,
    id bigint generated always as identity,
    course_key text collate "C",
    student_key text collate "C" not null,
    previous_status text,
    status text not null,
    previous_course_staff boolean,
    course_staff boolean,
    author_kind text not null check (author_kind in ('user', 'service')),
    author text not null,
    request_id text not null,
    changed_at timestamptz not null default now(),
    primary key (program_uuid, id)
  )`

export const up: Migration['up'] = async (sql) => {
  await sql(programEnrollments)
  await sql(courseEnrollments)
  await sql(activeByOneProgram)
  await sql(courseGrades)
  await sql(enrollmentHistory)
}
