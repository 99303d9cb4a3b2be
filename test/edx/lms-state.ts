import { EnrollmentList } from './list.ts'

export type ProgramRow = {
  student_key: string
  status: string
  account_exists: boolean
  curriculum_uuid: string
  username: string
  email: string
}

export type CourseRow = {
  student_key: string
  status: string
  account_exists: boolean
  curriculum_uuid: string
  course_staff: boolean
}

export type Account = { username: string; email: string }
export type Grade = { letter_grade: string | null; percent: number; passed: boolean } | { error: string }

/** A course run of a program: who is in it, and their grades. */
export type LmsCourse = { enrollments: EnrollmentList<CourseRow>; grades: Map<string, Grade> }

export type LmsProgram = {
  uuid: string
  enrollments: EnrollmentList<ProgramRow>
  /** By internal key. */
  courses: Map<string, LmsCourse>
}

/** What the LMS keeps. Everything may be read and changed by tests. */
export class LmsState {
  readonly programs = new Map<string, LmsProgram>()
  readonly #accounts = new Map<string, Account>()

  /** Makes a program known, or course runs of a known one. */
  addProgram(uuid: string, courseKeys: readonly string[] = []): LmsProgram {
    const program = this.programs.get(uuid) ?? {
      uuid,
      enrollments: new EnrollmentList<ProgramRow>(),
      courses: new Map<string, LmsCourse>(),
    }
    for (const key of courseKeys) {
      if (!program.courses.has(key)) {
        program.courses.set(key, { enrollments: new EnrollmentList<CourseRow>(), grades: new Map() })
      }
    }
    this.programs.set(uuid, program)
    return program
  }

  /** Whether any program has this course run. */
  hasCourse(courseKey: string): boolean {
    return [...this.programs.values()].some(({ courses }) => courses.has(courseKey))
  }

  /** Gives a learner an account, in all enrollments that there are and will be. */
  linkAccount(studentKey: string, account: Account): void {
    this.#accounts.set(studentKey, account)
    for (const { enrollments, courses } of this.programs.values()) {
      const row = enrollments.find(studentKey)
      if (row !== undefined) Object.assign(row, { account_exists: true, ...account })
      for (const course of courses.values()) {
        const place = course.enrollments.find(studentKey)
        if (place !== undefined) place.account_exists = true
      }
    }
  }

  enroll(program: LmsProgram, studentKey: string, status: string, curriculumUuid: string): void {
    const account = this.#accounts.get(studentKey)
    program.enrollments.add({
      student_key: studentKey,
      status,
      account_exists: account !== undefined,
      curriculum_uuid: curriculumUuid,
      username: account?.username ?? '',
      email: account?.email ?? '',
    })
  }

  enrollInCourse(
    program: LmsProgram,
    course: LmsCourse,
    studentKey: string,
    status: string,
    staff: boolean,
  ): void {
    const row = program.enrollments.find(studentKey)
    course.enrollments.add({
      student_key: studentKey,
      status,
      account_exists: row?.account_exists ?? false,
      curriculum_uuid: row?.curriculum_uuid ?? '',
      course_staff: staff,
    })
  }

  /**
   * Enrolls so many learners, `<prefix>0000000` and on, in a program and all its course runs; every second one has an account, and a
   * grade in each run.
   */
  generate(
    program: LmsProgram,
    count: number,
    options: { prefix?: string; withCourses?: boolean } = {},
  ): string[] {
    const { prefix = 'learner-', withCourses = false } = options
    const keys: string[] = []
    for (let index = 0; index < count; index++) {
      const studentKey = `${prefix}${String(index).padStart(7, '0')}`
      keys.push(studentKey)
      if (index % 2 === 0) {
        const username = `user-${prefix}${index}`
        this.#accounts.set(studentKey, { username, email: `${username}@example.org` })
      }
      this.enroll(program, studentKey, 'enrolled', program.uuid)
      if (!withCourses) continue
      for (const course of program.courses.values()) {
        this.enrollInCourse(program, course, studentKey, 'active', false)
        const percent = (index % 1_001) / 1_000
        course.grades.set(studentKey, {
          letter_grade: percent > 0.5 ? 'B' : null,
          percent,
          passed: percent > 0.5,
        })
      }
    }
    return keys
  }

  /** Whether the learner is active in the course run by way of another program. */
  isActiveElsewhere(program: LmsProgram, courseKey: string, studentKey: string): boolean {
    for (const other of this.programs.values()) {
      if (other === program) continue
      if (other.courses.get(courseKey)?.enrollments.find(studentKey)?.status === 'active') return true
    }
    return false
  }

  reset(): void {
    this.programs.clear()
    this.#accounts.clear()
  }
}
