/** The rules of the LMS for writes, as plainly as they can be said; what the service does is compared with it. */

export type ModelMode = 'POST' | 'PATCH' | 'PUT'
export type ModelItem = { studentKey: string; status: string; courseStaff?: boolean }
type Place = { status: string; courseStaff: boolean }

export class EnrollmentModel {
  /** program → student → status */
  readonly programs = new Map<string, Map<string, string>>()
  /** program → run → student → place */
  readonly courses = new Map<string, Map<string, Map<string, Place>>>()
  readonly #organizationOf: (program: string) => string

  constructor(organizationOf: (program: string) => string) {
    this.#organizationOf = organizationOf
  }

  writeProgram(program: string, mode: ModelMode, items: ModelItem[]): Record<string, string> {
    const students = getOrMake(this.programs, program, () => new Map())
    return this.#each(items, ({ studentKey, status }) => {
      if (studentKey === '' || status === '') return 'internal-error'
      if (!['enrolled', 'pending', 'suspended', 'canceled', 'ended'].includes(status)) return 'invalid-status'
      if (students.has(studentKey) && mode === 'POST') return 'conflict'
      if (!students.has(studentKey) && mode === 'PATCH') return 'not-in-program'
      students.set(studentKey, status)
      return status
    })
  }

  writeCourse(program: string, run: string, mode: ModelMode, items: ModelItem[]): Record<string, string> {
    const places = this.#placesIn(program, run)
    return this.#each(items, ({ studentKey, status, courseStaff }) => {
      if (studentKey === '' || status === '') return 'internal-error'
      if (status === 'active' && this.#isActiveElsewhere(program, run, studentKey)) return 'conflict'
      if (!['active', 'inactive'].includes(status)) return 'invalid-status'
      if (!this.programs.get(program)?.has(studentKey)) return 'not-in-program'
      const place = places.get(studentKey)
      if (place !== undefined && mode === 'POST') return 'conflict'
      if (place === undefined && mode === 'PATCH') return 'not-found'
      places.set(studentKey, { status, courseStaff: courseStaff ?? place?.courseStaff ?? false })
      return status
    })
  }

  #placesIn(program: string, run: string): Map<string, Place> {
    return getOrMake(
      getOrMake(this.courses, program, () => new Map()),
      run,
      () => new Map(),
    )
  }

  #isActiveElsewhere(program: string, run: string, studentKey: string): boolean {
    return [...this.courses].some(
      ([other, runs]) =>
        other !== program &&
        this.#organizationOf(other) === this.#organizationOf(program) &&
        runs.get(run)?.get(studentKey)?.status === 'active',
    )
  }

  #each(items: ModelItem[], judge: (item: ModelItem) => string): Record<string, string> {
    const results: Record<string, string> = {}
    for (const item of items) {
      const isTwice = items.filter(({ studentKey }) => studentKey === item.studentKey).length > 1
      results[item.studentKey] = isTwice ? 'duplicated' : judge(item)
    }
    return results
  }
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}
