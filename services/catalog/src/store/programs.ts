import { type Sequelize, UniqueConstraintError } from 'sequelize'
import { withClient } from '#kit/database.ts'
import { isKey } from '../domain/grammar.ts'
import { isEmptyScope, type ListQuery } from '../domain/listing.ts'
import { foldCase, type Program, type ProgramDraft } from '../domain/program.ts'
import { ProgramDetailsModel, ProgramModel } from './models.ts'

/** A program with its place in the order of insertion. */
export type ListedProgram = Program & { sequence: string }

/** The part of a list that a page shows. */
export type PageBounds = { after?: string; skip: number; size: number }

/** Keeps programs with their details. Keys are compared exactly; a text that cannot be a key names nothing. */
export type ProgramStore = {
  find(key: string): Promise<Program | undefined>
  /** Makes a program with an active curriculum. Undefined when the key is taken. */
  create(
    draft: ProgramDraft,
    place: { organizationId: string; activeCurriculumUuid: string },
  ): Promise<Program | undefined>
  /** A page, oldest first, whether more follow it, and how many programs the whole list has. */
  list(
    query: ListQuery,
    bounds: PageBounds,
  ): Promise<{ programs: ListedProgram[]; hasMore: boolean; total: number }>
}

const columns = `
  p.id, p.key, p.discovery_uuid as "discoveryUuid", p.organization_id as "organizationId", o.key as "organizationKey",
  d.title, d.url, d.type, d.active_curriculum_uuid as "activeCurriculumUuid", p.created, p.updated`
const tables = `
  programs p
  join organizations o on o.id = p.organization_id
  left join program_details d on d.program_id = p.id`

// Planning these takes longer than running them, so they are named: each connection plans each name once.
type Statement = { name: string; text: string; values: unknown[] }

export function createProgramStore(sequelize: Sequelize): ProgramStore {
  async function read<Row extends object>(statement: Statement): Promise<Row[]> {
    const { rows } = await withClient(sequelize, (client) => client.query<Row>(statement))
    return rows
  }

  async function find(key: string): Promise<Program | undefined> {
    if (!isKey(key)) return undefined
    const text = `select ${columns} from ${tables} where p.key = $1`
    const [program] = await read<Program>({ name: 'find-program', text, values: [key] })
    return program
  }

  async function insert(
    draft: ProgramDraft,
    place: { organizationId: string; activeCurriculumUuid: string },
  ): Promise<void> {
    const { key, discoveryUuid, title, url, type } = draft
    const { organizationId, activeCurriculumUuid } = place
    await sequelize.transaction(async (transaction) => {
      const { id } = await ProgramModel.create({ key, discoveryUuid, organizationId }, { transaction })
      const foldedTitle = title === null ? null : foldCase(title)
      await ProgramDetailsModel.create(
        { programId: id, title, foldedTitle, url, type, activeCurriculumUuid },
        { transaction },
      )
    })
  }

  return {
    find,

    async create(draft, place) {
      try {
        await insert(draft, place)
      } catch (error) {
        if (error instanceof UniqueConstraintError) return undefined
        throw error
      }
      return find(draft.key)
    },

    async list(query, { after, skip, size }) {
      if (isEmptyScope(query.scope)) return { programs: [], hasMore: false, total: 0 }
      // One more than the page holds tells whether another follows.
      const rows = await read<ListedProgram>(pageStatement(query, { after, skip, size: size + 1 }))
      const hasMore = rows.length > size
      const isWhole = !hasMore && after === undefined && skip === 0
      const [counted] = isWhole ? [] : await read<{ total: number }>(countStatement(query))
      const total = counted?.total ?? rows.length
      return { programs: hasMore ? rows.slice(0, size) : rows, hasMore, total }
    },
  }
}

function pageStatement(query: ListQuery, { after, skip, size }: PageBounds): Statement {
  const { name, clauses, values } = conditionsOf(query)
  if (after !== undefined) clauses.push(`p.sequence > $${values.push(after)}`)
  return {
    name: `list-programs-${name}${after === undefined ? '' : '-after'}`,
    text: `select ${columns}, p.sequence from ${tables} where ${clauses.join(' and ')}
      order by p.sequence limit $${values.push(size)} offset $${values.push(skip)}`,
    values,
  }
}

function countStatement(query: ListQuery): Statement {
  const { name, clauses, values } = conditionsOf(query)
  const text = `select count(*)::int as total from ${tables} where ${clauses.join(' and ')}`
  return { name: `count-programs-${name}`, text, values }
}

/** The conditions of a list, and a name that tells them apart from every other combination. */
function conditionsOf({ scope, organizationKey, type, foldedTitle }: ListQuery) {
  const clauses = ['true']
  const values: unknown[] = []
  let name = ''
  if (scope !== 'all') {
    name += 's'
    const organizations = `p.organization_id = any($${values.push(scope.organizationIds)}::uuid[])`
    const programs = `p.id = any($${values.push(scope.programIds)}::uuid[])`
    clauses.push(`(${organizations} or ${programs})`)
  }
  if (organizationKey !== undefined) {
    name += 'o'
    clauses.push(`o.key = $${values.push(organizationKey)}`)
  }
  if (type !== undefined) {
    name += 't'
    clauses.push(`d.type = $${values.push(type)}`)
  }
  if (foldedTitle !== undefined) {
    name += 'f'
    // A program without a title goes by its key, which is ASCII.
    clauses.push(`strpos(coalesce(d.folded_title, lower(p.key)), $${values.push(foldedTitle)}) > 0`)
  }
  return { name, clauses, values }
}
