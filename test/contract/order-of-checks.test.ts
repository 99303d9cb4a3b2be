import { beforeAll, describe } from 'vitest'
import { openScene, type Scene } from './ask.ts'
import {
  type Case,
  inBothVersions,
  notAcceptable,
  notAList,
  notAllowed,
  notFound,
  notPermitted,
  notProvided,
  runCases,
} from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const program = '/api/v1/programs/{masters}'
const unknown = '/api/v1/programs/nowhere'
const course = `${program}/courses/{run}`
const unknownCourse = `${program}/courses/nowhere`
const text = { 'content-type': 'text/plain' }
const xml = { accept: 'application/xml' }
const badItems = [1]

const route404: Case[] = [
  { name: 'the router goes before a missing token', path: '/api/v1/nowhere', status: 404, json: notFound },
  {
    name: 'the router goes before an Accept that cannot be met',
    path: '/api/v1/nowhere',
    headers: xml,
    status: 404,
    json: notFound,
  },
  {
    name: 'the router goes before an unknown format',
    path: `${program}/a.b?format=api`,
    status: 404,
    json: notFound,
  },
]

const accept: Case[] = [
  ...[
    program,
    unknown,
    '/api/v1/programs',
    '/api/v1/jobs',
    '/api/v1/jobs/ffff',
    `${unknownCourse}/grades`,
  ].flatMap((path): Case[] => [
    {
      name: `Accept goes before a missing token at ${path}`,
      path,
      headers: xml,
      status: 406,
      json: notAcceptable,
    },
    {
      name: `an unknown format goes before a missing token at ${path}`,
      path: `${path}?format=xml`,
      status: 404,
      json: notFound,
    },
  ]),
  {
    name: 'Accept goes before a method that is not allowed',
    method: 'DELETE',
    path: program,
    as: 'owner',
    headers: xml,
    status: 406,
    json: notAcceptable,
  },
  {
    name: 'an unknown format goes before an Accept that cannot be met',
    path: `${program}?format=xml`,
    headers: xml,
    status: 404,
    json: notFound,
  },
]

const authentication: Case[] = [
  { name: 'authentication goes before an unknown program', path: unknown, status: 401, json: notProvided },
  ...['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'].map((method) => ({
    name: `authentication goes before the method ${method}`,
    method,
    path: `${program}/enrollments`,
    status: 401,
    json: notProvided,
  })),
  ...[
    '/api/v1/jobs/ffff',
    `${unknownCourse}/enrollments`,
    `${program}/enrollments?fmt=xml`,
    `${program}/reports?min_created_date=x`,
  ].map((path) => ({
    name: `authentication goes before what is wrong with ${path}`,
    path,
    status: 401,
    json: notProvided,
  })),
  {
    name: 'authentication goes before a bad body',
    method: 'POST',
    path: `${program}/enrollments`,
    body: '{',
    status: 401,
    json: notProvided,
  },
  ...(
    ['/api/v1/programs?user_has_perm=x', program, '/api/v1/jobs', '/api/v1/jobs/ffff', unknown] as const
  ).map((path) => ({
    name: `an inactive user goes before everything else at ${path}`,
    path,
    as: 'locked' as const,
    status: 401,
    json: { detail: 'User inactive or deleted.' },
  })),
  {
    name: 'an inactive user goes before a method that is not allowed',
    method: 'DELETE',
    path: '/api/v1/programs',
    as: 'locked',
    status: 401,
    json: { detail: 'User inactive or deleted.' },
  },
]

const unknownProgram: Case[] = [
  ...['GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'QUERY'].flatMap((method) =>
    ['', '/courses', '/enrollments', '/reports', '/enrollments/upload', '/courses/x/grades'].map((tail) => ({
      name: `an unknown program goes before everything about ${method} …${tail}`,
      method,
      path: `${unknown}${tail}`,
      as: 'stranger' as const,
      ...(['POST', 'PATCH', 'PUT'].includes(method) && { body: '{' }),
      status: 404,
      json: notFound,
    })),
  ),
  {
    name: 'an unknown program goes before a bad fmt',
    path: `${unknown}/enrollments?fmt=xml`,
    as: 'owner',
    status: 404,
    json: notFound,
  },
  {
    name: 'an unknown program goes before a bad date',
    path: `${unknown}/reports?min_created_date=x`,
    as: 'owner',
    status: 404,
    json: notFound,
  },
]

const denied = (name: string, rest: Partial<Case> & Pick<Case, 'path'>): Case => ({
  name: `a missing permission goes before ${name}`,
  as: 'viewer',
  status: 403,
  json: notPermitted,
  ...rest,
})

const permission: Case[] = [
  denied('a bad fmt', { path: `${program}/enrollments?fmt=xml` }),
  denied('a bad date', { path: `${program}/reports?min_created_date=x` }),
  denied('an unknown course', { path: `${unknownCourse}/enrollments` }),
  denied('an unknown course, for grades', { path: `${unknownCourse}/grades` }),
  denied('an unknown course in a write', {
    method: 'POST',
    path: `${unknownCourse}/enrollments`,
    as: 'reader',
    body: badItems,
  }),
  denied('a method that is not allowed, where it is one for every method', {
    method: 'DELETE',
    path: program,
    as: 'stranger',
  }),
  ...(['POST', 'PATCH'] as const).flatMap((method) => [
    denied(`JSON that does not parse (${method})`, {
      method,
      path: `${program}/enrollments`,
      as: 'reader',
      body: '{',
    }),
    denied(`a body of another type (${method})`, {
      method,
      path: `${course}/enrollments`,
      as: 'reader',
      body: 'x',
      headers: text,
    }),
    denied(`a list that is too long (${method})`, {
      method,
      path: `${program}/enrollments`,
      as: 'reader',
      body: Array(26).fill(1),
    }),
    denied(`no list at all (${method})`, { method, path: `${program}/enrollments`, as: 'reader', body: {} }),
    denied(`course_staff (${method})`, {
      method,
      path: `${course}/enrollments`,
      as: 'reader',
      body: [{ student_key: 'a', status: 'active', course_staff: true }],
    }),
  ]),
  denied('a form without a file', {
    method: 'POST',
    path: `${program}/enrollments/upload`,
    as: 'reader',
    body: new FormData(),
  }),
  denied('an upload of another type', {
    method: 'POST',
    path: `${program}/course_enrollments/upload`,
    as: 'reader',
    body: [],
  }),
]

const late: Case[] = [
  ...['GET', 'POST', 'PATCH'].map((method) => ({
    name: `an unknown course goes before fmt and body (${method})`,
    method,
    path: `${unknownCourse}/enrollments?fmt=xml`,
    as: 'owner' as const,
    ...(method !== 'GET' && { body: badItems }),
    status: 404,
    json: notFound,
  })),
  ...['DELETE', 'PUT', 'QUERY'].map((method) => ({
    name: `a method that is not allowed goes before an unknown course (${method})`,
    method,
    path: `${unknownCourse}/enrollments`,
    as: 'owner' as const,
    status: 405,
    json: notAllowed(method),
  })),
  {
    name: 'a method that is not allowed goes before an unknown course, for grades',
    method: 'POST',
    path: `${unknownCourse}/grades`,
    as: 'owner',
    status: 405,
    json: notAllowed('POST'),
  },
  ...(
    [
      ['{', undefined],
      ['x', text],
      ['[]', undefined],
    ] as const
  ).map(([body, headers]) => ({
    name: `an unknown course goes before the body ${body} ${headers ? 'of another type' : ''}`,
    method: 'PATCH',
    path: `${unknownCourse}/enrollments`,
    as: 'owner' as const,
    body,
    ...(headers && { headers }),
    status: 404,
    json: notFound,
  })),
  {
    name: 'the body is looked at when all else is well',
    method: 'POST',
    path: `${course}/enrollments`,
    as: 'owner',
    body: {},
    status: 400,
    json: notAList,
  },
  ...['xml', '', 'JSON', 'Csv', 'json,csv', '%00'].map((fmt) => ({
    name: `fmt "${fmt}" is 404 when all else is well`,
    path: `${program}/enrollments?fmt=${fmt}`,
    as: 'owner' as const,
    status: 404,
    json: notFound,
  })),
]

describe.each([
  ['1 router', route404],
  ['2 Accept', accept],
  ['3 authentication', authentication],
  ['4 program', unknownProgram],
  ['5 permission', permission],
  ['6 to 8 method, course, fmt and body', late],
])('order of checks: %s', (_, cases) => runCases(() => scene, inBothVersions(cases)))
