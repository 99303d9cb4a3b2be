/** A run of a course in a program's active curriculum; what is not known is null. */
export type CourseRun = {
  key: string
  externalKey: string | null
  title: string | null
  url: string | null
}

/**
 * The course runs that internal or external keys name, by the key asked with: for each the first run, in the order given, of
 * which either key is exactly that. Keys that name none are left out.
 */
export function resolveCourseRuns(
  runs: readonly CourseRun[],
  ids: readonly string[],
): Map<string, CourseRun> {
  const firstByKey = new Map<string, CourseRun>()
  for (const run of runs) {
    for (const key of [run.key, run.externalKey]) {
      if (key !== null && !firstByKey.has(key)) firstByKey.set(key, run)
    }
  }
  const found = new Map<string, CourseRun>()
  for (const id of ids) {
    const run = firstByKey.get(id)
    if (run !== undefined) found.set(id, run)
  }
  return found
}
