/** What is known of a learner's grade in a course run. */
export type CourseGrade = { readonly studentKey: string } & (Grade | { readonly error: string })

export type Grade = {
  readonly letterGrade?: string
  /** Share of the whole, `0.000` to `9.999`. */
  readonly percent: string
  readonly passed: boolean
}

/** Whether a text is a share that can be kept: at most one digit before the point and three behind it. */
export function isPercent(text: string): boolean {
  return /^\d(\.\d{1,3})?$/.test(text)
}
