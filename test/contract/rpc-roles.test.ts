import { randomBytes } from 'node:crypto'
import type { DescMethod, DescService } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ServerReflection } from '#proto/grpc/reflection/v1/reflection_pb.ts'
import { ServerReflection as ServerReflectionV1alpha } from '#proto/grpc/reflection/v1alpha/reflection_pb.ts'
import { Health } from '#proto/health/v1/health_pb.ts'
import { AccessControlService } from '#proto/registrar/accesscontrol/v1/access_control_service_pb.ts'
import { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import { JobsService } from '#proto/registrar/jobs/v1/jobs_service_pb.ts'
import { callRest } from '../fixtures/rest.ts'
import { runningWorld } from '../fixtures/running.ts'
import { createSchool } from '../fixtures/school.ts'
import { type Answer, type Caller, callByConnect, callByGrpc } from './rpc-call.ts'
import { gatherPeople, type Person } from './rpc-callers.ts'
import { describeAll, layGround, readErrorTable } from './rpc-ground.ts'
import { expectedOf, type Ground, type Row } from './rpc-row.ts'
import { accessControlRows } from './rpc-rows/access-control.ts'
import { catalogRows } from './rpc-rows/catalog.ts'
import { enrollmentRows } from './rpc-rows/enrollment.ts'
import { jobsRows } from './rpc-rows/jobs.ts'
import { plumbingRows } from './rpc-rows/plumbing.ts'

const services = {
  accessControl: AccessControlService,
  catalog: CatalogService,
  enrollment: EnrollmentService,
  jobs: JobsService,
}
const plumbing = [Health, ServerReflection, ServerReflectionV1alpha]
type Place = keyof typeof services
const places = Object.keys(services) as Place[]
const protocols = ['gRPC', 'Connect'] as const
type Protocol = (typeof protocols)[number]
const rows = [...accessControlRows, ...catalogRows, ...enrollmentRows, ...jobsRows, ...plumbingRows]
const errorTable = readErrorTable()
const atOnce = 12

let people: Person[]
let ground: Ground
const connections = new Map<Place, Record<Protocol, Caller>>()

beforeAll(async () => {
  const world = await runningWorld()
  const [school, other] = [await createSchool(world), await createSchool(world)]
  people = await gatherPeople(world, school, other)
  ground = await layGround(world, school, other, people)
  for (const place of places) {
    const url = world.addresses[place]
    connections.set(place, { gRPC: callByGrpc(url), Connect: callByConnect(url) })
  }
})
afterAll(() => {
  for (const each of connections.values()) for (const caller of Object.values(each)) caller.close()
})

/** Where a method is served: those of health and reflection everywhere. */
function placesOf(rpc: DescMethod): Place[] {
  const place = places.find((each) => services[each].typeName === rpc.parent.typeName)
  return place === undefined ? places : [place]
}

/** A name that nothing has yet, and that tells whether something may come to have it. */
function newName(row: Row, person: Person): string {
  const may = [row.anybody, expectedOf(row, person)].includes('OK')
  return `${may ? 'may' : 'not'}-${randomBytes(5).toString('hex')}`
}

/** What each of some people got, or would have to get, by their names. */
async function askEach<T>(
  asking: readonly Person[],
  ask: (person: Person) => Promise<T>,
): Promise<Record<string, T>> {
  const answers: Record<string, T> = {}
  const waiting = [...asking]
  const askNext = async (): Promise<void> => {
    for (let person = waiting.shift(); person !== undefined; person = waiting.shift())
      answers[person.name] = await ask(person)
  }
  await Promise.all(Array.from({ length: atOnce }, askNext))
  return answers
}

async function callAs(row: Row, person: Person, caller: Caller): Promise<Answer> {
  const name = newName(row, person)
  if (expectedOf(row, person) === 'OK') await row.prepare?.(ground, name)
  const answer = await caller.call(row.rpc, row.request(ground, name), await person.headers('Bearer'), {
    onlyFirst: row.onlyFirst,
  })
  if (answer.code === 'OK') row.check?.(answer.messages, person, ground)
  else expectFormOfRefusal(answer)
  return answer
}

/** Reason, code and details go together as the documentation says. */
function expectFormOfRefusal({ code, reason, domain, fields, message }: Answer): void {
  expect([reason, code, domain]).toEqual([reason, errorTable.get(reason)?.code, 'registrar'])
  if (['INVALID_ARGUMENT', 'PAGE_TOKEN_INVALID'].includes(reason)) expect(fields, message).not.toEqual([])
}

describe.each(Object.entries({ ...services, plumbing: undefined }))('%s', (_, service) => {
  const methods = (service === undefined ? plumbing : [service as DescService]).flatMap(
    (each) => each.methods,
  )

  describe.each(methods.map((rpc) => [rpc.name, rpc] as const))('%s', (_name, rpc) => {
    const asked = rows.filter((row) => row.rpc === rpc)

    test('is asked for', () => expect(asked).not.toEqual([]))

    test.each(waysToAsk(asked))('%s, over %s, at %s', async (_what, by, at, row) => {
      const caller = connections.get(at)?.[by] as Caller
      const asking = row === asked[0] ? whoAsks(row) : whoAsks(row).filter(isTelling)
      const answers = await askEach(asking, async (person) => (await callAs(row, person, caller)).reason)
      expect(answers).toEqual(await askEach(asking, async (person) => expectedOf(row, person)))
    })
  })
})

/** The first question about an RPC is asked by every protocol, the others by one of them each. */
function waysToAsk(asked: readonly Row[]): (readonly [what: string, by: Protocol, at: Place, row: Row])[] {
  return asked.flatMap((row, index) => {
    const by = index === 0 ? protocols : [protocols[index % 2] as Protocol]
    return placesOf(row.rpc).flatMap((at) => by.map((each) => [row.what, each, at, row] as const))
  })
}

/** Where no token is looked at, what is in one makes no difference. */
function whoAsks(row: Row): Person[] {
  if (row.anybody !== undefined) return people.filter(({ refused, superuser }) => refused || superuser)
  return row.isSpared ? people.filter((person) => expectedOf(row, person) !== 'OK') : people
}

/** One refused token stands for all of them, where they have all been tried. */
const isTelling = ({ refused, name }: Person) => refused === undefined || name === 'no token'

describe('the REST API answers everybody as the services do', () => {
  const compared = rows.filter(({ rest }) => rest !== undefined)

  test.each(compared.map((row) => [row.rpc.name, row.what, row] as const))(
    '%s: %s',
    async (_, _what, row) => {
      const caller = connections.get(placesOf(row.rpc)[0] as Place)?.Connect as Caller
      const answers = await askEach(people, async (person) => {
        const asked = row.rest?.(ground, newName(row, person))
        if (asked === undefined) return
        const { status, text } = await callRest(ground.world.addresses.gateway + asked.path, {
          method: asked.method ?? 'GET',
          ...(asked.body !== undefined && { body: asked.body }),
          headers: await person.headers('JWT'),
        })
        return { status, text: status < 300 || status === asked.ok ? '' : text }
      })
      expect(answers).toEqual(await restExpected(row, caller))
    },
  )
})

/** What the table in the documentation makes of what the service says. Service tokens mean nothing to the gateway. */
async function restExpected(row: Row, caller: Caller): Promise<Record<string, unknown>> {
  return askEach(people, async (person) => {
    const isUnknown = person.service !== undefined && row.anybody === undefined
    const reason = isUnknown ? 'TOKEN_INVALID' : expectedOf(row, person)
    const { ok = 200, told = {} } = row.rest?.(ground, 'nothing') ?? {}
    if (reason === 'OK') return { status: ok, text: '' }
    const otherwise = told[reason]
    if (otherwise) return { status: otherwise.status, text: JSON.stringify(otherwise.body) }
    const { status, body } = errorTable.get(reason) ?? { status: 0, body: reason }
    if (!body.includes('…')) return { status, text: body }
    // The table leaves the words to the service.
    const { message } = await callAs(row, person, caller)
    return { status, text: body.replace('…', JSON.stringify(message).slice(1, -1)) }
  })
}

test('those who were refused have changed nothing', async () => {
  const superuser = people.find(({ superuser, inactive }) => superuser && !inactive) as Person
  const all = await describeAll(ground, superuser)
  expect(all).toContain('may-')
  expect(all).not.toContain('not-')
  expect(all).toContain(`"${ground.victim.group} without members"`)
})
