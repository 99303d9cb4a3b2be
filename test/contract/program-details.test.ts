import { beforeAll, describe, expect, test } from 'vitest'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notFound, notPermitted, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  const bare = `${scene.school.key}-bare`
  await scene.world.operator.catalog.createProgram({ key: bare, organizationKey: scene.school.key })
  scene.names = { ...scene.names, bare }
})

const masters = '/api/v1/programs/{masters}'
const body = (permissions: string[]) => ({
  program_key: '{masters}',
  program_title: 'masters of {org}',
  program_url: 'https://example.org/{masters}',
  program_type: 'Masters',
  permissions,
})
const served = (as: Case['as'], permissions: string[]): Case => ({
  name: `shows ${as} what that one may do`,
  path: masters,
  ...(as && { as }),
  status: 200,
  json: body(permissions),
})

describe('a program', () =>
  runCases(
    () => scene,
    inBothVersions([
      served('viewer', ['read_metadata']),
      served('reader', ['read_enrollments', 'read_metadata']),
      served('writer', ['read_enrollments', 'read_metadata', 'write_enrollments']),
      served('reporter', ['read_metadata', 'read_reports']),
      served('owner', ['read_enrollments', 'read_metadata', 'read_reports', 'write_enrollments']),
      served('programViewer', ['read_metadata']),
      served('programReader', ['read_enrollments', 'read_metadata']),
      served('programWriter', ['read_enrollments', 'read_metadata', 'write_enrollments']),
      served('programReporter', ['read_metadata', 'read_reports']),
      served('everywhere', ['read_metadata']),
      served('everywhereByGroup', ['read_enrollments', 'read_metadata']),
      served('root', ['read_enrollments', 'read_metadata', 'read_reports', 'write_enrollments']),
      {
        name: 'has its fields in the contract’s order',
        path: masters,
        as: 'viewer',
        status: 200,
        text: '{"program_key":"{masters}","program_title":"masters of {org}","program_url":"https://example.org/{masters}","program_type":"Masters","permissions":["read_metadata"]}',
      },
      {
        name: 'without title, page and type has its key for a title',
        path: '/api/v1/programs/{bare}',
        as: 'viewer',
        status: 200,
        json: {
          program_key: '{bare}',
          program_title: '{bare}',
          program_url: null,
          program_type: null,
          permissions: ['read_metadata'],
        },
      },
      {
        name: 'that is not of the type Masters has no enrollments for anybody',
        path: '/api/v1/programs/{micro}',
        as: 'root',
        status: 200,
        json: {
          program_key: '{micro}',
          program_title: 'micro of {org}',
          program_url: 'https://example.org/{micro}',
          program_type: 'MicroMasters',
          permissions: ['read_metadata', 'read_reports'],
        },
      },
      ...(['stranger', 'staff', 'blindWriter', 'blindReader', 'watcher'] as const).map((as) => ({
        name: `is not for ${as}`,
        path: masters,
        as,
        status: 403,
        json: notPermitted,
      })),
      {
        name: 'beside the one that a role is for is not for its holder',
        path: '/api/v1/programs/{micro}',
        as: 'programViewer',
        status: 403,
        json: notPermitted,
      },
      {
        name: 'that is not there is 404',
        path: '/api/v1/programs/nowhere',
        as: 'root',
        status: 404,
        json: notFound,
      },
      {
        name: 'is found by its exact key only',
        path: '/api/v1/programs/{MASTERS}',
        as: 'root',
        status: 404,
        json: notFound,
      },
    ]),
  ))

const runs = (program: string) => [
  {
    course_id: `course-v1:${program}+ONE+2026`,
    external_course_key: `${program}-one`,
    course_title: `Run course-v1:${program}+ONE+2026`,
    course_url: null,
  },
  {
    course_id: `course-v1:${program}+TWO+2026`,
    external_course_key: null,
    course_title: `Run course-v1:${program}+TWO+2026`,
    course_url: null,
  },
]

describe('the courses of a program', () =>
  runCases(
    () => scene,
    inBothVersions([
      {
        name: 'are its runs in the order of the curriculum',
        path: `${masters}/courses`,
        as: 'viewer',
        status: 200,
        json: runs('{masters}'),
      },
      {
        name: 'have their fields in the contract’s order',
        path: `${masters}/courses`,
        as: 'programViewer',
        status: 200,
        text: '[{"course_id":"{run}","external_course_key":"{external}","course_title":"Run {run}","course_url":null},{"course_id":"{plain}","external_course_key":null,"course_title":"Run {plain}","course_url":null}]',
      },
      {
        name: 'are there for every type',
        path: '/api/v1/programs/{micro}/courses',
        as: 'viewer',
        status: 200,
        json: runs('{micro}'),
      },
      {
        name: 'are none where there are none',
        path: '/api/v1/programs/{bare}/courses',
        as: 'viewer',
        status: 200,
        text: '[]',
      },
      ...(['stranger', 'staff', 'blindWriter'] as const).map((as) => ({
        name: `are not for ${as}`,
        path: `${masters}/courses`,
        as,
        status: 403,
        json: notPermitted,
      })),
      {
        name: 'of a program that is not there are 404',
        path: '/api/v1/programs/nowhere/courses',
        as: 'viewer',
        status: 404,
        json: notFound,
      },
    ]),
  ))

describe('rights', () => {
  const seen = async (as: Case['as']) => (await ask(scene, { path: masters, ...(as && { as }) })).status

  test('follow a change of a group’s role and a member’s leaving at once', async () => {
    const { accessControl } = scene.world.operator
    const group = `moving ${scene.school.key}`
    const resource = { target: { case: 'organizationId' as const, value: scene.school.id } }
    await accessControl.createGroup({ name: group, role: 'organization_read_metadata', resource })
    expect(await seen('stranger')).toBe(403)
    const member = { username: scene.cast.username('stranger'), groupName: group }
    await accessControl.addGroupMember(member)
    expect(await seen('stranger')).toBe(200)

    await accessControl.updateGroup({ name: group, role: 'organization_read_enrollments' })
    const { body: program } = await ask(scene, { path: masters, as: 'stranger' })
    expect((program as { permissions: string[] }).permissions).toEqual(['read_enrollments', 'read_metadata'])

    await accessControl.removeGroupMember(member)
    expect(await seen('stranger')).toBe(403)
  })

  test('an invitation by e-mail is taken up by the first call with that address', async () => {
    const { world, school } = scene
    const groupName = `invited ${school.key}`
    const email = `someone@${school.key}.example`
    const resource = { target: { case: 'programId' as const, value: school.masters.id } }
    await world.operator.accessControl.createGroup({
      name: groupName,
      role: 'program_read_metadata',
      resource,
    })
    await world.operator.accessControl.inviteByEmail({ email, groupName })
    const status = async (claims: Record<string, unknown>) => {
      const token = await world.token(`invited-${school.key}`, claims)
      return (await ask(scene, { path: masters, headers: { authorization: `JWT ${token}` } })).status
    }
    expect(await status({ email: email.toUpperCase() })).toBe(403)
    expect(await status({ email })).toBe(200)
    expect(await status({})).toBe(200)
  })
})
