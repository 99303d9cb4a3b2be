import type { DescMessage, DescMethod, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import type { School } from '../fixtures/school.ts'
import type { World } from '../fixtures/world.ts'
import type { PermissionName, Person } from './rpc-callers.ts'

/** What the rows ask about. */
export type Ground = {
  world: World
  school: School
  other: School
  /** A job that has ended well, of one of the people, and the link to its result taken apart. */
  job: { id: string; object: { bucket: string; key: string; expires: bigint; signature: string } }
  /** A user and a plain group that nobody may change who is refused. */
  victim: { username: string; group: string }
}

/** What a caller gets: `OK`, or the reason of a refusal. */
export type Outcome = string

/** The same asked of the REST API: what it answers to those who get `OK`, and where a refusal is told otherwise there. */
export type RestEqual = {
  method?: string
  path: string
  body?: unknown
  ok: number
  told?: Record<string, { status: number; body: unknown }>
}

/** One thing to ask by an RPC, and what comes of it for whom. */
export type Row = {
  rpc: DescMethod
  what: string
  request(ground: Ground, name: string): Message
  /** Of users whose tokens are good; absent where no user may call. */
  users?: (person: Person) => Outcome
  /** Of our own processes; who is not named is refused. */
  services: Partial<Record<'jobs-worker' | 'operator', Outcome>>
  /** Of everybody, whatever token they bring. */
  anybody?: Outcome
  /** What has to be there first for a caller who is let in. */
  prepare?: (ground: Ground, name: string) => Promise<unknown>
  check?: (answers: Message[], person: Person, ground: Ground) => void
  rest?: (ground: Ground, name: string) => RestEqual
  onlyFirst: boolean
  /** Not asked by those who are let in: it would change what other tests have made. */
  isSpared: boolean
}

type Told<I extends DescMessage, O extends DescMessage> = {
  users?: (person: Person) => Outcome
  services?: Row['services']
  anybody?: Outcome
  prepare?: Row['prepare']
  check?: (answers: MessageShape<O>[], person: Person, ground: Ground) => void
  rest?: Row['rest']
  onlyFirst?: boolean
  isSpared?: boolean
  ask?: (ground: Ground, name: string) => MessageInitShape<I>
}

/** A row for a method; `ask` makes the request, with a name that nothing has yet. */
export function row<I extends DescMessage, O extends DescMessage>(
  rpc: DescMethod & { input: I; output: O },
  what: string,
  {
    ask = () => ({}) as MessageInitShape<I>,
    services = {},
    onlyFirst = false,
    isSpared = false,
    check,
    ...told
  }: Told<I, O>,
): Row {
  return {
    ...told,
    rpc,
    what,
    services,
    onlyFirst,
    isSpared,
    request: (ground, name) => create(rpc.input, ask(ground, name)),
    ...(check && { check: check as NonNullable<Row['check']> }),
  }
}

/** What a caller of a row gets: the contract’s order of checks up to where the service decides. */
export function expectedOf(row: Row, person: Person): Outcome {
  if (row.anybody !== undefined) return row.anybody
  if (person.refused !== undefined) return person.refused
  if (person.service !== undefined) return row.services[person.service] ?? 'PERMISSION_DENIED'
  if (person.claims?.is_restricted === true) return 'TOKEN_RESTRICTED'
  if (row.users === undefined) return 'PERMISSION_DENIED'
  return person.inactive ? 'USER_INACTIVE' : row.users(person)
}

const unless = (isLetIn: (person: Person) => boolean | undefined, then: Outcome) => (person: Person) =>
  isLetIn(person) === true ? then : 'PERMISSION_DENIED'

export const everyUser =
  (then: Outcome = 'OK') =>
  () =>
    then
export const superusers = (then: Outcome = 'OK') => unless(({ superuser }) => superuser, then)
export const staff = (then: Outcome = 'OK') => unless((person) => person.staff, then)
export const holdersOf = (
  permission: PermissionName,
  then: Outcome = 'OK',
  program: Parameters<Person['may']>[1] = 'masters',
) => unless(({ may }) => may(permission, program), then)
export const owners = (then: Outcome = 'OK') => unless(({ ownsJob, superuser }) => ownsJob || superuser, then)
export const viewersOfAllJobs = (then: Outcome = 'OK') =>
  unless(({ readsAllJobs, superuser }) => readsAllJobs || superuser, then)
export const viewersOfTheJob = (then: Outcome = 'OK') =>
  unless(({ ownsJob, readsAllJobs, superuser }) => ownsJob || readsAllJobs || superuser, then)
