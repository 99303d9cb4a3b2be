/** A program with what is known of it; details that are not known are null. */
export type Program = {
  id: string
  key: string
  discoveryUuid: string
  organizationId: string
  organizationKey: string
  title: string | null
  url: string | null
  type: string | null
  /** Null when there is none: then there are no course runs and nobody can be enrolled. */
  activeCurriculumUuid: string | null
  created: Date
  updated: Date
  /** When its details have to be fetched from Discovery; null or absent when they need not be. */
  due?: 'now' | 'soon' | null
  /** Nobody has ever told its type, and Discovery has not said either that it has no such program. */
  isTypeUndecided?: boolean
}

/** A program before it is made. Without a `discoveryUuid` one is made up. */
export type ProgramDraft = {
  key: string
  discoveryUuid?: string
  title: string | null
  url: string | null
  type: string | null
}

/** The title for people: the key when nothing else is known. */
export function titleOf({ title, key }: { title: string | null; key: string }): string {
  return title ?? key
}

/** A text in the form in which titles are compared, so that letter case does not count. */
export function foldCase(text: string): string {
  return text.toLowerCase()
}
