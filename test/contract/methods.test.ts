import { beforeAll, describe } from 'vitest'
import type { PartName } from '../fixtures/cast.ts'
import { openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notAllowed, notPermitted, notProvided, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const program = '/api/v1/programs/{masters}'
const course = `${program}/courses/{external}`
const reads = 'GET, HEAD, OPTIONS'
const all = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PROPFIND',
  'QUERY',
  'LOCK',
  'SEARCH',
]

type View = {
  path: string
  allow: string
  /** Who may do what: for a method that is not named, that of `others`. */
  needs: Partial<Record<string, { permitted: PartName; refused: PartName }>>
  others: { permitted: PartName; refused?: PartName }
}

const one = (permitted: PartName, refused: PartName) => ({ permitted, refused })
const read = { GET: one('reader', 'viewer'), HEAD: one('reader', 'viewer') }
const write = { POST: one('writer', 'reader'), PATCH: one('writer', 'reader') }

const views: View[] = [
  // One permission, whatever the method.
  { path: program, allow: reads, needs: {}, others: one('viewer', 'blindWriter') },
  { path: `${program}/courses`, allow: reads, needs: {}, others: one('viewer', 'stranger') },
  { path: `${course}/grades`, allow: reads, needs: {}, others: one('reader', 'viewer') },
  { path: `${program}/reports`, allow: reads, needs: {}, others: one('reporter', 'writer') },
  // The permission by the method, and none for methods that are not served.
  {
    path: `${program}/enrollments`,
    allow: 'GET, POST, PATCH, HEAD, OPTIONS',
    needs: { ...read, ...write },
    others: { permitted: 'stranger' },
  },
  {
    path: `${course}/enrollments`,
    allow: 'GET, POST, PATCH, HEAD, OPTIONS',
    needs: { ...read, ...write },
    others: { permitted: 'stranger' },
  },
  {
    path: `${program}/course_enrollments`,
    allow: reads,
    needs: { ...read, ...write },
    others: { permitted: 'stranger' },
  },
  {
    path: `${program}/enrollments/upload`,
    allow: 'POST, OPTIONS',
    needs: { ...read, ...write },
    others: { permitted: 'stranger' },
  },
  {
    path: `${program}/course_enrollments/upload`,
    allow: 'POST, OPTIONS',
    needs: { ...read, ...write },
    others: { permitted: 'stranger' },
  },
  // No permission at all.
  { path: '/api/v1/programs', allow: reads, needs: {}, others: { permitted: 'stranger' } },
  { path: '/api/v1/jobs', allow: reads, needs: {}, others: { permitted: 'stranger' } },
]

/** What a method that is served answers to an empty request. */
function servedStatus(method: string, path: string): number {
  if (method === 'OPTIONS' || method === 'HEAD') return 200
  if (method !== 'GET') return 400
  return /enrollments$|grades$/.test(path) ? 202 : 200
}

function casesOf({ path, allow, needs, others }: View): Case[] {
  return all.flatMap((method): Case[] => {
    const { permitted, refused } = needs[method] ?? { ...others }
    const isServed = allow.split(', ').includes(method)
    const status = isServed ? servedStatus(method, path) : 405
    return [
      {
        name: `${method} ${path} is ${status} for who may`,
        method,
        path,
        as: permitted,
        status,
        answers: { allow },
        ...(status === 405 && { json: notAllowed(method) }),
        ...(method === 'HEAD' && { text: '' }),
      },
      ...(refused === undefined
        ? []
        : [
            {
              name: `${method} ${path} is 403 for who may not`,
              method,
              path,
              as: refused,
              status: 403,
              json: notPermitted,
              answers: { allow },
            },
          ]),
      {
        name: `${method} ${path} is 401 for nobody`,
        method,
        path,
        status: 401,
        json: notProvided,
        answers: { allow },
      },
    ]
  })
}

describe.each(views)('$path', (view) => runCases(() => scene, inBothVersions(casesOf(view))))

describe('/api/v3/programs', () =>
  runCases(
    () => scene,
    casesOf({ path: '/api/v3/programs', allow: reads, needs: {}, others: { permitted: 'stranger' } }),
  ))

describe('a method that is not allowed', () =>
  runCases(
    () => scene,
    [
      ...(['{', '[]', new FormData()] as const).map((body, number) => ({
        name: `is 405 whatever body it brings (${number})`,
        method: 'PUT',
        path: `${program}/enrollments`,
        as: 'owner' as const,
        body,
        status: 405,
        json: notAllowed('PUT'),
      })),
      {
        name: 'is 405 with a body of no known type',
        method: 'DELETE',
        path: `${program}/enrollments`,
        as: 'owner',
        body: 'x',
        headers: { 'content-type': 'nonsense' },
        status: 405,
        json: notAllowed('DELETE'),
      },
      {
        name: 'is 403 on a program that is not Masters, where GET needs enrollments',
        method: 'DELETE',
        path: '/api/v1/programs/{micro}/courses/x/grades',
        as: 'root',
        status: 403,
        json: notPermitted,
      },
    ],
  ))
