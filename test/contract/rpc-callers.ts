import { randomBytes } from 'node:crypto'
import { generateKeyPair, SignJWT } from 'jose'
import { loadOrCreateDevelopmentKeys } from '#kit/keys.ts'
import { createServiceTokenIssuer } from '#kit/service-tokens.ts'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import type { School } from '../fixtures/school.ts'
import type { Claims } from '../fixtures/tokens.ts'
import type { World } from '../fixtures/world.ts'

export type PermissionName = 'read_metadata' | 'read_enrollments' | 'write_enrollments' | 'read_reports'

/** Where something is held: the school, its program `masters`, everything, or another school with a program of its own. */
type Place = 'school' | 'masters' | 'everything' | 'elsewhere' | 'a program elsewhere'

/** Somebody who calls, with all that decides what comes of it; what it is that they hold is written down beside how they got it. */
export type Plan = {
  /** Why nothing is served to the token. */
  refused?: string
  /** The `authorization` metadata when it is no token of a user’s; undefined for none. */
  authorization?: (world: World, scheme: string) => Promise<string | undefined>
  claims?: Claims
  service?: 'jobs-worker' | 'operator'
  roles?: [Place, string][]
  /** Granted straight to the user. */
  grants?: [Place, Permission][]
  /** Granted to a plain group that the user is in. */
  groupGrants?: [Place, Permission][]
  holds?: [Place, PermissionName[]][]
  readsAllJobs?: boolean
  staff?: boolean
  superuser?: boolean
  inactive?: boolean
  /** Nobody has heard of them: another name with each call. */
  isNew?: boolean
  /** Started the job of the tests. */
  ownsJob?: boolean
}

/** What the LMS puts into a token for a client’s credentials, beside the name of the client’s account: nobody’s address, no person. */
const clientCredentials: Claims = {
  grant_type: 'client-credentials',
  scopes: ['read', 'write'],
  version: '1.2.0',
  sub: '2f6f1f0ac9d84c6b8f2d1f3b5a7c9e10',
  filters: [],
  is_restricted: false,
}
const readers: PermissionName[] = ['read_metadata', 'read_enrollments']
const writers: PermissionName[] = [...readers, 'write_enrollments']
const reporters: PermissionName[] = ['read_metadata', 'read_reports']
const roleNames = ['read_metadata', 'read_enrollments', 'read_write_enrollments', 'read_reports']
const now = Math.floor(Date.now() / 1000)

export const plans = {
  // Tokens that name nobody.
  'no token': { refused: 'CREDENTIALS_MISSING', authorization: async () => undefined },
  'another scheme': { refused: 'CREDENTIALS_MISSING', authorization: async () => 'Basic cm9vdDpyb290' },
  'two tokens': {
    refused: 'CREDENTIALS_MISSING',
    authorization: async (world, scheme) => `${scheme} ${await world.token('a')} ${await world.token('b')}`,
  },
  garbage: { refused: 'TOKEN_INVALID', authorization: async (_, scheme) => `${scheme} garbage` },
  'an expired token': { refused: 'TOKEN_INVALID', claims: { iat: now - 600, exp: now - 60 } },
  'a token of another issuer': { refused: 'TOKEN_INVALID', claims: { iss: 'https://elsewhere.example.org' } },
  'a token for another service': { refused: 'TOKEN_INVALID', claims: { aud: 'another-service' } },
  'a forged service token': {
    refused: 'TOKEN_INVALID',
    authorization: async (_, scheme) => `${scheme} ${await forgeServiceToken()}`,
  },
  'a token without a name': {
    refused: 'TOKEN_USERNAME_MISSING',
    claims: { preferred_username: undefined },
  },
  'a restricted token': { claims: { is_restricted: true }, roles: [['school', 'organization_read_reports']] },
  'a locked user': { inactive: true, superuser: true },
  // Users without anything here.
  'a user never seen': { isNew: true },
  'an account never seen': { isNew: true, claims: clientCredentials },
  'a user without groups': {},
  'a user whose token claims much': {
    claims: { superuser: true, roles: ['superuser:*'], scopes: ['registrar:admin'] },
  },
  'a user of another school': {
    roles: roleNames.flatMap((role): [Place, string][] => [
      ['elsewhere', `organization_${role}`],
      ['a program elsewhere', `program_${role}`],
    ]),
    holds: [['elsewhere', [...writers, 'read_reports']]],
  },
  // Every role.
  'a viewer': {
    roles: [['school', 'organization_read_metadata']],
    holds: [['school', ['read_metadata']]],
  },
  'a reader': { roles: [['school', 'organization_read_enrollments']], holds: [['school', readers]] },
  'a writer': { roles: [['school', 'organization_read_write_enrollments']], holds: [['school', writers]] },
  'a reporter': { roles: [['school', 'organization_read_reports']], holds: [['school', reporters]] },
  'a viewer of the program': {
    roles: [['masters', 'program_read_metadata']],
    holds: [['masters', ['read_metadata']]],
  },
  'a reader of the program': {
    roles: [['masters', 'program_read_enrollments']],
    holds: [['masters', readers]],
  },
  'a writer of the program': {
    roles: [['masters', 'program_read_write_enrollments']],
    holds: [['masters', writers]],
  },
  'a reporter of the program': {
    roles: [['masters', 'program_read_reports']],
    holds: [['masters', reporters]],
  },
  'a reporter who writes to the program': {
    roles: [
      ['school', 'organization_read_reports'],
      ['masters', 'program_read_write_enrollments'],
    ],
    holds: [
      ['school', reporters],
      ['masters', writers],
    ],
  },
  // Single permissions, which no role gives alone.
  'one granted to write': {
    grants: [['school', Permission.WRITE_ENROLLMENTS]],
    holds: [['school', ['write_enrollments']]],
  },
  'one granted to read the program': {
    grants: [['masters', Permission.READ_ENROLLMENTS]],
    holds: [['masters', ['read_enrollments']]],
  },
  'one of a group granted reports': {
    groupGrants: [['masters', Permission.READ_REPORTS]],
    holds: [['masters', ['read_reports']]],
  },
  'one granted metadata everywhere': {
    grants: [['everything', Permission.READ_METADATA]],
    holds: [['everything', ['read_metadata']]],
  },
  'one granted reading everywhere': {
    grants: [['everything', Permission.READ_ENROLLMENTS]],
    holds: [['everything', ['read_enrollments']]],
  },
  'one of a group granted writing everywhere': {
    groupGrants: [['everything', Permission.WRITE_ENROLLMENTS]],
    holds: [['everything', ['write_enrollments']]],
  },
  'one granted reports everywhere': {
    grants: [['everything', Permission.READ_REPORTS]],
    holds: [['everything', ['read_reports']]],
  },
  'one who sees all jobs': { grants: [['everything', Permission.JOB_GLOBAL_READ]], readsAllJobs: true },
  'one who started the job and left': { ownsJob: true },
  staff: { staff: true },
  'staff by the token': { claims: { ...clientCredentials, administrator: true }, staff: true },
  'a superuser': {
    superuser: true,
    holds: [['everything', [...writers, 'read_reports']]],
    readsAllJobs: true,
  },
  'an account of a service': {
    claims: clientCredentials,
    roles: [['school', 'organization_read_write_enrollments']],
    holds: [['school', writers]],
  },
  // Processes of ours.
  'the worker': { service: 'jobs-worker' },
  'the operator': { service: 'operator' },
} satisfies Record<string, Plan>

export type CallerName = keyof typeof plans

export type Person = Plan & {
  name: CallerName
  username(): string
  /** Metadata to call with, by this scheme. */
  headers(scheme: 'Bearer' | 'JWT'): Promise<Record<string, string>>
  /** Whether they may do something on a program that is of the school, or on another’s. */
  may(permission: PermissionName, program: 'masters' | 'micro' | 'a program elsewhere'): boolean
}

async function forgeServiceToken(): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA')
  return new SignJWT()
    .setProtectedHeader({ alg: 'EdDSA', typ: 'registrar-service+jwt' })
    .setIssuer('registrar')
    .setAudience('registrar-internal')
    .setSubject('operator')
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey)
}

/** Makes everybody in the running system. */
export async function gatherPeople(world: World, school: School, other: School): Promise<Person[]> {
  const { servicePrivateJwk } = await loadOrCreateDevelopmentKeys(world.addresses.dataDir)
  const people: Person[] = []
  for (const [name, plan] of Object.entries(plans) as [CallerName, Plan][]) {
    const mark = randomBytes(4).toString('hex')
    const usual = `${name.replaceAll(' ', '-')}-${mark}`
    const username = () => (plan.isNew ? `${usual}-${randomBytes(4).toString('hex')}` : usual)
    const isUser = plan.service === undefined && plan.authorization === undefined && !plan.isNew
    if (isUser) await makeUser(world, { school, other }, usual, plan)
    const service = plan.service && createServiceTokenIssuer(servicePrivateJwk, plan.service)
    let kept: Promise<string> | undefined
    const token = () => {
      if (service !== undefined) return service()
      if (plan.isNew) return world.token(username(), plan.claims)
      kept ??= world.token(usual, plan.claims)
      return kept
    }
    people.push({
      ...plan,
      name,
      username,
      async headers(scheme) {
        const value = plan.authorization
          ? await plan.authorization(world, scheme)
          : `${scheme} ${await token()}`
        const headers: Record<string, string> = value === undefined ? {} : { authorization: value }
        return headers
      },
      may: (permission, program) => isHeld(plan, permission, program),
    })
  }
  return people
}

function isHeld({ holds = [] }: Plan, permission: PermissionName, program: string): boolean {
  // Enrollments exist in programs of the type Masters only; the one elsewhere is another.
  if (program === 'micro' && permission.endsWith('_enrollments')) return false
  const places =
    program === 'a program elsewhere' ? ['elsewhere', 'everything'] : ['school', 'everything', program]
  return holds.some(([place, permissions]) => places.includes(place) && permissions.includes(permission))
}

async function makeUser(
  world: World,
  { school, other }: { school: School; other: School },
  username: string,
  { roles = [], grants = [], groupGrants = [], staff, superuser, inactive, claims }: Plan,
): Promise<void> {
  const { accessControl } = world.operator
  const resourceAt = (place: Place) => {
    const program = place === 'masters' ? school.masters.id : other.masters.id
    const organization = place === 'school' ? school.id : other.id
    if (place === 'everything') return {}
    return place === 'masters' || place === 'a program elsewhere'
      ? { resource: { target: { case: 'programId' as const, value: program } } }
      : { resource: { target: { case: 'organizationId' as const, value: organization } } }
  }
  const groupNames: string[] = []
  for (const [place, role] of roles) {
    const name = `${username} ${role}`
    await accessControl.createGroup({ name, role, ...resourceAt(place) })
    groupNames.push(name)
  }
  for (const [place, permission] of groupGrants) {
    const name = `${username} plain`
    await accessControl.createGroup({ name })
    groupNames.push(name)
    const subject = { case: 'groupName' as const, value: name }
    await accessControl.grantPermission({ permission, subject, ...resourceAt(place) })
  }
  // Who is staff by the token becomes so with the first call.
  const byToken = claims?.administrator === true
  await accessControl.createUser({
    username,
    groupNames,
    staff: staff === true && !byToken,
    superuser: superuser === true,
  })
  for (const [place, permission] of grants) {
    const subject = { case: 'username' as const, value: username }
    await accessControl.grantPermission({ permission, subject, ...resourceAt(place) })
  }
  if (inactive === true) await accessControl.updateUser({ username, active: false })
}
