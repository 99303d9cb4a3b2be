import { type Sequelize, UniqueConstraintError } from 'sequelize'
import { withClient } from '#kit/database.ts'
import { type DueProgram, dueAmong, type Moments } from '../domain/freshness.ts'
import { isKey } from '../domain/grammar.ts'
import { isEmptyScope, type ListQuery } from '../domain/listing.ts'
import { foldCase, type Program, type ProgramDraft } from '../domain/program.ts'
import { ProgramDetailsModel, ProgramModel } from './models.ts'
import { dueExpression } from './program-copies.ts'

/** A program with its place in the order of insertion. */
export type ListedProgram = Program & { sequence: string }

/** The part of a list that a page shows. */
export type PageBounds = { after?: string; skip: number; size: number }

/** Keeps programs with their details. Keys are compared exactly; a text that cannot be a key names nothing. */
export type ProgramStore = {
  find(key: string): Promise<Program | undefined>
  /** Makes a program. Undefined when the key is taken. */
  create(draft: ProgramDraft, place: Place): Promise<Program | undefined>
  list(query: ListQuery, bounds: PageBounds): Promise<ProgramPage>
}

type Place = { organizationId: string; activeCurriculumUuid: string | null }

/** A page of a list, oldest first. */
export type ProgramPage = {
  programs: ListedProgram[]
  /** Whether more follow it. */
  hasMore: boolean
  /** How many programs the whole list has. */
  total: number
  /** Programs whose details have to be fetched before the page is sure to be right. */
  due: DueProgram[]
}

const baseColumns = `
  p.id, p.key, p.discovery_uuid as "discoveryUuid", p.organization_id as "organizationId", o.key as "organizationKey",
  d.title, d.url, d.type, p.created, p.updated`
const typedInColumns = `${baseColumns}, d.active_curriculum_uuid as "activeCurriculumUuid"`
const dueNow = dueExpression('$1::timestamptz', '$2::timestamptz')
// A curriculum that was made up here is none for the LMS.
const copiedColumns = `${baseColumns}, ${dueNow} as due,
  case when d.fetched_at is not null then d.active_curriculum_uuid end as "activeCurriculumUuid"`
const undecided = `d.fetched_at is null and d.type is null and d.failure is distinct from 'missing' as "isTypeUndecided"`
const tables = `
  programs p
  join organizations o on o.id = p.organization_id
  left join program_details d on d.program_id = p.id`

// Planning these takes longer than running them, so they are named: each connection plans each name once.
type Statement = { name: string; text: string; values: unknown[] }

/** Where details are copies of Discovery's, `momentsNow` tells since when they are fresh. */
export function createProgramStore(sequelize: Sequelize, momentsNow?: () => Moments): ProgramStore {
  /** The columns, and the values of the parameters in them. */
  function reading(): Reading {
    if (momentsNow === undefined) return { columns: typedInColumns, values: [] }
    const { freshSince, negativeSince } = momentsNow()
    return { columns: copiedColumns, values: [freshSince, negativeSince] }
  }

  async function read<Row extends object>(statement: Statement): Promise<Row[]> {
    const { rows } = await withClient(sequelize, (client) => client.query<Row>(statement))
    return rows
  }

  async function find(key: string): Promise<Program | undefined> {
    if (!isKey(key)) return undefined
    const { columns, values } = reading()
    const more = momentsNow === undefined ? '' : `, ${undecided}`
    const text = `select ${columns}${more} from ${tables} where p.key = $${values.push(key)}`
    const [program] = await read<Program>({ name: 'find-program', text, values })
    return program
  }

  async function insert(draft: ProgramDraft, { organizationId, activeCurriculumUuid }: Place): Promise<void> {
    const { key, discoveryUuid, title, url, type } = draft
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
      if (isEmptyScope(query.scope)) return { programs: [], hasMore: false, total: 0, due: [] }
      // One more than the page holds tells whether another follows.
      const bounds = { after, skip, size: size + 1 }
      const rows = await read<ListedProgram>(pageStatement(query, bounds, reading()))
      const hasMore = rows.length > size
      const programs = hasMore ? rows.slice(0, size) : rows
      const isWhole = !hasMore && after === undefined && skip === 0
      const [counted] = isWhole ? [] : await read<{ total: number }>(countStatement(query))
      const due = await listDue(query, programs)
      return { programs, hasMore, total: counted?.total ?? rows.length, due }
    },
  }

  // A filter by what Discovery tells passes over the programs of which that is not known yet.
  async function listDue(query: ListQuery, programs: ListedProgram[]): Promise<DueProgram[]> {
    if (momentsNow === undefined) return []
    const { type, foldedTitle, ...unfiltered } = query
    if (type === undefined && foldedTitle === undefined) return dueAmong(programs)
    const { freshSince, negativeSince } = momentsNow()
    return read<DueProgram>(dueStatement(unfiltered, [freshSince, negativeSince]))
  }
}

type Reading = { columns: string; values: unknown[] }

const maximumDue = 10_000

function dueStatement(query: ListQuery, values: unknown[]): Statement {
  const { name, clauses } = conditionsOf(query, values)
  return {
    name: `list-due-programs-${name}`,
    text: `select p.id, p.discovery_uuid as "discoveryUuid", ${dueNow} as due from ${tables}
      where ${clauses.join(' and ')} and ${dueNow} is not null limit ${maximumDue}`,
    values,
  }
}

function pageStatement(
  query: ListQuery,
  { after, skip, size }: PageBounds,
  { columns, values }: Reading,
): Statement {
  const { name, clauses } = conditionsOf(query, values)
  if (after !== undefined) clauses.push(`p.sequence > $${values.push(after)}`)
  return {
    name: `list-programs-${name}${after === undefined ? '' : '-after'}`,
    text: `select ${columns}, p.sequence from ${tables} where ${clauses.join(' and ')}
      order by p.sequence limit $${values.push(size)} offset $${values.push(skip)}`,
    values,
  }
}

function countStatement(query: ListQuery): Statement {
  const values: unknown[] = []
  const { name, clauses } = conditionsOf(query, values)
  const text = `select count(*)::int as total from ${tables} where ${clauses.join(' and ')}`
  return { name: `count-programs-${name}`, text, values }
}

/** The conditions of a list, their values added to others, and a name that tells them apart from every other combination. */
function conditionsOf({ scope, organizationKey, type, foldedTitle }: ListQuery, values: unknown[]) {
  const clauses = ['true']
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
  return { name, clauses }
}
