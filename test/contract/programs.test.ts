import { beforeAll, describe, expect, test } from 'vitest'
import { createSchool } from '../fixtures/school.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notFound, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  const other = await createSchool(scene.world)
  const untitled = `${scene.school.key}-untitled`
  await scene.world.operator.catalog.createProgram({ key: untitled, organizationKey: scene.school.key })
  scene.names = { ...scene.names, other: other.key, untitled }
})

const everything = ['read_enrollments', 'read_metadata', 'read_reports', 'write_enrollments']
const withoutEnrollments = ['read_metadata', 'read_reports']

const masters = (permissions: string[]) => ({
  program_key: '{masters}',
  program_title: 'masters of {org}',
  program_url: 'https://example.org/{masters}',
  program_type: 'Masters',
  permissions,
})
const micro = (permissions: string[]) => ({
  program_key: '{micro}',
  program_title: 'micro of {org}',
  program_url: 'https://example.org/{micro}',
  program_type: 'MicroMasters',
  permissions,
})
const untitled = (permissions: string[]) => ({
  program_key: '{untitled}',
  program_title: '{untitled}',
  program_url: null,
  program_type: null,
  permissions,
})
const all = (permissions: string[]) => [masters(permissions), micro(permissions), untitled(permissions)]

const read = ['read_metadata']
const path = '/api/v1/programs'
const list = (name: string, as: Case['as'], query: string, json: unknown): Case => ({
  name,
  path: `${path}${query}`,
  ...(as && { as }),
  status: 200,
  json,
})
const missing = (name: string, query: string): Case => ({
  name,
  path: `${path}${query}`,
  as: 'viewer',
  status: 404,
  json: notFound,
})

describe('the list', () =>
  runCases(
    () => scene,
    inBothVersions([
      list('holds every program of the caller’s school, oldest first', 'viewer', '', all(read)),
      {
        name: 'has its fields in the contract’s order',
        path: `${path}?program_title=micro`,
        as: 'reader',
        status: 200,
        text: '[{"program_key":"{micro}","program_title":"micro of {org}","program_url":"https://example.org/{micro}","program_type":"MicroMasters","permissions":["read_metadata"]}]',
      },
      list('is empty, not 403, for who may see nothing', 'stranger', '', []),
      list('is empty for staff, who have no permission by that', 'staff', '', []),
      list('holds the one program that a role is for', 'programViewer', '', [masters(read)]),
      list('shows permissions sorted, and none on enrollments but for Masters', 'owner', '', [
        masters(everything),
        micro(withoutEnrollments),
        untitled(withoutEnrollments),
      ]),
      list('shows a superuser all permissions but those that the type forbids', 'root', '?org={org}', [
        masters(everything),
        micro(withoutEnrollments),
        untitled(withoutEnrollments),
      ]),
      list('leaves out programs without read_metadata', 'blindWriter', '', []),
      list(
        'ignores parameters that it does not know',
        'viewer',
        '?org_key=nowhere&page_size=1&page=7',
        all(read),
      ),
      list('takes a format', 'viewer', '?format=json', all(read)),
    ]),
  ))

describe('the filter org', () =>
  runCases(
    () => scene,
    inBothVersions([
      list(
        'gives all programs of a school on which the caller has a role',
        'viewer',
        '?org={org}',
        all(read),
      ),
      list(
        'gives only the programs with a role where there is none on the school',
        'programViewer',
        '?org={org}',
        [masters(read)],
      ),
      list('gives nothing of a school on which the caller has nothing', 'viewer', '?org={other}', []),
      list('gives all programs to a global grant', 'everywhere', '?org={org}', all(read)),
      list('gives all programs to a global grant of a group', 'everywhereByGroup', '?org={org}', [
        masters(['read_enrollments', 'read_metadata']),
        micro(read),
        untitled(read),
      ]),
      list('that is empty is none', 'viewer', '?org=', all(read)),
      missing('of a school that is not there is 404', '?org=nowhere'),
      missing('compares exactly', '?org=%20{org}'),
      missing('with a NUL is 404', '?org=%00'),
      {
        ...missing('of a school that is not there is 404 for a stranger too', '?org=nowhere'),
        as: 'stranger',
      },
      list('given twice is the last', 'viewer', '?org=nowhere&org={org}', all(read)),
      missing('given twice is the last, also where that is nowhere', '?org={org}&org=nowhere'),
    ]),
  ))

describe('the filter user_has_perm', () =>
  runCases(
    () => scene,
    inBothVersions([
      list('read_metadata is as none', 'viewer', '?user_has_perm=read_metadata', all(read)),
      list('that is empty is read_metadata', 'viewer', '?user_has_perm=', all(read)),
      list('read_enrollments wants that permission', 'viewer', '?user_has_perm=read_enrollments', []),
      list('read_enrollments leaves out what is not Masters', 'reader', '?user_has_perm=read_enrollments', [
        masters(['read_enrollments', 'read_metadata']),
      ]),
      list(
        'write_enrollments leaves out what is not Masters',
        'root',
        '?org={org}&user_has_perm=write_enrollments',
        [masters(everything)],
      ),
      list('write_enrollments wants that permission', 'reader', '?user_has_perm=write_enrollments', []),
      list('write_enrollments needs no read_metadata', 'blindWriter', '?user_has_perm=write_enrollments', [
        masters(['write_enrollments']),
      ]),
      list(
        'read_reports gives programs of every type',
        'reporter',
        '?user_has_perm=read_reports',
        all(withoutEnrollments),
      ),
      list('shows all permissions whatever it asks for', 'owner', '?user_has_perm=write_enrollments', [
        masters(everything),
      ]),
      ...[
        'organization_read_metadata',
        'program_read_metadata',
        'READ_METADATA',
        'read_metadata%20',
        'x',
        '%00',
      ].map((name) => missing(`does not know ${name}`, `?user_has_perm=${name}`)),
      list('given twice is the last', 'viewer', '?user_has_perm=x&user_has_perm=read_metadata', all(read)),
    ]),
  ))

describe('the filter program_title', () =>
  runCases(
    () => scene,
    inBothVersions([
      list('finds a part of the title', 'viewer', '?program_title=cro+of', [micro(read)]),
      list('finds it in any letter case', 'viewer', '?program_title=MASTERS%20OF', [masters(read)]),
      list('finds by the key where there is no title', 'viewer', '?program_title=-UNTITLED', [
        untitled(read),
      ]),
      list('that is empty is none', 'viewer', '?program_title=', all(read)),
      list('finds nothing', 'viewer', '?program_title=nonsense', []),
      ...['%25', '_', '%5C', '%00', '%27', 'masters%25'].map((text) =>
        list(`takes ${text} as it is`, 'viewer', `?program_title=${text}`, []),
      ),
      list('given twice is the last', 'viewer', '?program_title=masters&program_title=micro', [micro(read)]),
    ]),
  ))

describe('filters together', () =>
  runCases(
    () => scene,
    inBothVersions([
      list('org and permission', 'owner', '?org={org}&user_has_perm=write_enrollments', [
        masters(everything),
      ]),
      list('org and title', 'viewer', '?org={org}&program_title=micro', [micro(read)]),
      list('permission and title', 'reader', '?user_has_perm=read_enrollments&program_title=micro', []),
      list('all three', 'owner', '?org={org}&user_has_perm=read_reports&program_title=micro', [
        micro(withoutEnrollments),
      ]),
      list(
        'all three, with another school',
        'owner',
        '?org={other}&user_has_perm=read_reports&program_title=micro',
        [],
      ),
      list(
        'of a program role',
        'programWriter',
        '?org={org}&user_has_perm=write_enrollments&program_title=masters',
        [masters(['read_enrollments', 'read_metadata', 'write_enrollments'])],
      ),
      missing('are 404 as soon as one is', '?org={org}&user_has_perm=x&program_title=micro'),
    ]),
  ))

describe('what a client keeps', () => {
  test.each(['/api/v1/programs', '/api/v2/programs', '/api/v3/programs'])(
    '%s is 304 until it changes',
    async (url) => {
      const first = await ask(scene, { path: url, as: 'viewer' })
      const etag = first.headers.get('etag') ?? ''
      expect(etag).toMatch(/^"[^"]+"$/)

      const known = await ask(scene, {
        path: url,
        as: 'viewer',
        headers: { 'if-none-match': `"x", ${etag}` },
      })
      expect([known.status, known.text, known.headers.get('etag')]).toEqual([304, '', etag])
      for (const other of [
        { path: url, as: 'reporter' as const },
        { path: `${url}?program_title=micro`, as: 'viewer' as const },
        { path: url, as: 'viewer' as const, headers: { 'if-none-match': '"x"' } },
      ]) {
        expect((await ask(scene, { headers: { 'if-none-match': etag }, ...other })).status).toBe(200)
      }
      const { catalog } = scene.world.operator
      await catalog.createProgram({
        key: `${scene.school.key}-${url.slice(5, 7)}`,
        organizationKey: scene.school.key,
      })
      const changed = await ask(scene, { path: url, as: 'viewer', headers: { 'if-none-match': etag } })
      expect(changed.status).toBe(200)
      expect(changed.headers.get('etag')).not.toBe(etag)
    },
  )
})
