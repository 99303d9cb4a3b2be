import { QueryTypes, type Sequelize, type Transaction } from 'sequelize'
import type { DiscoveryOrganization, DiscoveryProgram } from '../domain/discovery-program.ts'
import { assertKeysFree, type ImportedProgram, type ProgramWish } from '../domain/program-import.ts'
import { planOrganizations, planPrograms, type Tally } from '../domain/sync-plan.ts'
import { OrganizationModel, ProgramModel } from './models.ts'

/** Takes organizations and programs over from Discovery, each call in one transaction. Those who do so take turns. */
export type DiscoveryCatalogStore = {
  synchronize(told: {
    organizations: readonly DiscoveryOrganization[]
    programs: readonly DiscoveryProgram[]
  }): Promise<{ organizations: Tally; programs: Tally }>
  /** ALREADY_EXISTS when a key is another program's. */
  import(wishes: readonly ProgramWish[]): Promise<ImportedProgram[]>
  /** Everything, to see to the groups of. */
  listAll(): Promise<{
    organizations: { id: string; key: string }[]
    programs: { id: string; key: string; organizationKey: string }[]
  }>
}

const oldestFirst: [string, string][] = [['created', 'asc']]

export function createDiscoveryCatalogStore(sequelize: Sequelize): DiscoveryCatalogStore {
  async function inTurn<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return sequelize.transaction(async (transaction) => {
      // Whoever makes or renames something waits; readers do not.
      await sequelize.query('lock table organizations, programs in share row exclusive mode', { transaction })
      return work(transaction)
    })
  }

  /** A key may go from one row to another: they are all taken away first. */
  async function rename(
    table: 'organizations' | 'programs',
    changes: readonly { id: string; key: string }[],
    transaction: Transaction,
  ): Promise<void> {
    const options = { type: QueryTypes.SELECT, transaction } as const
    const bind = { ids: changes.map(({ id }) => id), keys: changes.map(({ key }) => key) }
    await sequelize.query(`update ${table} set key = id::text where id = any($ids::uuid[])`, {
      bind,
      ...options,
    })
    await sequelize.query(
      `update ${table} t set key = n.key, updated = now()
       from unnest($ids::uuid[], $keys::text[]) as n(id, key) where t.id = n.id`,
      { bind, ...options },
    )
  }

  return {
    synchronize: ({ organizations, programs }) =>
      inTurn(async (transaction) => {
        const known = await OrganizationModel.findAll({ order: oldestFirst, raw: true, transaction })
        const plan = planOrganizations(known, organizations)
        await rename('organizations', plan.update, transaction)
        for (const { id, name } of plan.update) {
          await OrganizationModel.update({ name }, { where: { id }, transaction })
        }
        const made = await OrganizationModel.bulkCreate(plan.create, { transaction })
        // Of several with the same id in Discovery the oldest counts.
        const ids = new Map(
          [...made, ...known.toReversed()].map(({ discoveryUuid, id }) => [discoveryUuid, id]),
        )
        const attributes = ['key', 'discoveryUuid']
        const knownPrograms = await ProgramModel.findAll({ attributes, raw: true, transaction })
        const programPlan = planPrograms(knownPrograms, programs, ids)
        await ProgramModel.bulkCreate(programPlan.create, { transaction })
        return { organizations: plan.tally, programs: programPlan.tally }
      }),

    import: (wishes) =>
      inTurn(async (transaction) => {
        const programs = await ProgramModel.findAll({ order: oldestFirst, raw: true, transaction })
        const byUuid = new Map(programs.toReversed().map((program) => [program.discoveryUuid, program]))
        const staying = programs.filter(
          (program) => !wishes.some(({ discoveryUuid }) => byUuid.get(discoveryUuid) === program),
        )
        assertKeysFree(wishes, new Set(staying.map(({ key }) => key)))
        const known = wishes.flatMap(({ discoveryUuid, key }) => {
          const program = byUuid.get(discoveryUuid)
          return program === undefined || program.key === key ? [] : [{ id: program.id, key }]
        })
        await rename('programs', known, transaction)
        const imported: ImportedProgram[] = []
        for (const { discoveryUuid, key, organization } of wishes) {
          const program = byUuid.get(discoveryUuid)
          const { id: organizationId, key: organizationKey } =
            program === undefined
              ? await findOrMake(organization, transaction)
              : await OrganizationModel.findByPk(program.organizationId, { transaction, rejectOnEmpty: true })
          if (program === undefined)
            await ProgramModel.create({ key, discoveryUuid, organizationId }, { transaction })
          imported.push({ discoveryUuid, key, previousKey: program?.key ?? '', organizationKey })
        }
        return imported
      }),

    async listAll() {
      const organizations = await OrganizationModel.findAll({
        attributes: ['id', 'key'],
        raw: true,
        order: ['key'],
      })
      const programs = await sequelize.query<{ id: string; key: string; organizationKey: string }>(
        `select p.id, p.key, o.key as "organizationKey"
         from programs p join organizations o on o.id = p.organization_id order by p.sequence`,
        { type: QueryTypes.SELECT },
      )
      return { organizations, programs }
    },
  }
}

/** By its id in Discovery, else by its key: an organization that was made here has an id of its own. */
async function findOrMake(
  { uuid, key }: ProgramWish['organization'],
  transaction: Transaction,
): Promise<{ id: string; key: string }> {
  const where = uuid === null ? undefined : { discoveryUuid: uuid }
  const byUuid = where && (await OrganizationModel.findOne({ where, order: oldestFirst, transaction }))
  const found = byUuid ?? (await OrganizationModel.findOne({ where: { key }, transaction }))
  return found ?? OrganizationModel.create({ key, name: '', ...where }, { transaction })
}
