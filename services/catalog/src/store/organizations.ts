import { UniqueConstraintError } from 'sequelize'
import { isOrganizationKey } from '../domain/grammar.ts'
import type { Organization, OrganizationDraft } from '../domain/organization.ts'
import { OrganizationModel } from './models.ts'

/** Keeps organizations. Keys are compared exactly; a text that cannot be a key names nothing. */
export type OrganizationStore = {
  find(key: string): Promise<Organization | undefined>
  /** Undefined when the key is taken. */
  create(draft: OrganizationDraft): Promise<Organization | undefined>
}

export function createOrganizationStore(): OrganizationStore {
  return {
    async find(key) {
      if (!isOrganizationKey(key)) return undefined
      const found = await OrganizationModel.findOne({ where: { key } })
      return found?.get({ plain: true })
    },

    async create(draft) {
      try {
        const made = await OrganizationModel.create(draft)
        return made.get({ plain: true })
      } catch (error) {
        if (error instanceof UniqueConstraintError) return undefined
        throw error
      }
    },
  }
}
