/** A school that manages programs. */
export type Organization = {
  id: string
  key: string
  name: string
  discoveryUuid: string
  created: Date
  updated: Date
}

/** An organization before it is made. Without a `discoveryUuid` one is made up. */
export type OrganizationDraft = { key: string; name: string; discoveryUuid?: string }
