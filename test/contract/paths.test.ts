import { beforeAll, describe } from 'vitest'
import { openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notFound, notProvided, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  const { names, world } = scene
  const slashed = `Org/${scene.school.key}/Run`
  await world.operator.catalog.addCourseRun({
    programKey: scene.school.masters.key,
    courseRun: { key: slashed, externalKey: `ext_${scene.school.key}:1-2` },
  })
  scene.names = {
    ...names,
    slashed,
    encodedSlashed: encodeURIComponent(slashed),
    halfEncoded: `Org%2f${scene.school.key}/Run`,
    encodedRun: encodeURIComponent(names.run ?? ''),
    lowerEncodedRun: encodeURIComponent(names.run ?? '').replace(/%../g, (code) => code.toLowerCase()),
    RUN: (names.run ?? '').toUpperCase(),
    EXTERNAL: (names.external ?? '').toUpperCase(),
    encodedKey: [...scene.school.masters.key].map((char) => `%${char.charCodeAt(0).toString(16)}`).join(''),
  }
})

const program = '/api/v1/programs/{masters}'
const noPath = (path: string): Case => ({
  name: `${path} is no path`,
  path,
  as: 'root',
  status: 404,
  json: notFound,
})

describe('paths that are not there', () =>
  runCases(
    () => scene,
    [
      '/api',
      '/api/',
      '/api/v1',
      '/api/v1/',
      '/api/v2',
      '/api/v1-mock/programs',
      '/api/v1-mock/jobs/ffff',
      '/api/v4/programs',
      '/api/internal',
      '/api/V1/programs',
      '/api/v1/Programs',
      '/api/v1/program',
      '/api/v1/programs//',
      '/api//v1/programs',
      '//api/v1/programs',
      '/api/v1/jobs//',
      `${program}//`,
      `${program}//enrollments`,
      `${program}/enrollments//`,
      `${program}/nowhere`,
      `${program}/enrollments/nowhere`,
      `${program}/courses/{run}`,
      `${program}/courses/{run}/nowhere`,
      `${program}/courses//enrollments`,
      `${program}/upload`,
      '/heartbeat',
      '/auth_status',
      '/nonexistent',
      '/api/%ff',
      '/api/v1/programs/%E0%A4%A',
      '/api/v1/programs/%',
      '/%00',
      '/..%2f..%2fetc%2fpasswd',
    ].map(noPath),
  ))

describe('a path that is not there is so whatever is sent to it', () =>
  runCases(
    () => scene,
    ['POST', 'PATCH', 'PUT'].flatMap((method) =>
      ['', 'nonsense', 'application/json', 'multipart/form-data', 'text/plain'].map((type) => ({
        name: `${method} with a body of type "${type}"`,
        method,
        path: '/api/v1/nowhere',
        as: 'root' as const,
        body: '{',
        headers: { 'content-type': type },
        status: 404,
        json: notFound,
      })),
    ),
  ))

describe('a slash at the end', () =>
  runCases(
    () => scene,
    inBothVersions(
      ['/api/v1/programs', program, `${program}/courses`, `${program}/reports`, '/api/v1/jobs'].flatMap(
        (path) =>
          ['', '/'].map((slash) => ({
            name: `${path}${slash} is served, without a redirect`,
            path: `${path}${slash}`,
            as: 'owner' as const,
            status: 200,
          })),
      ),
    ).concat(
      inBothVersions(
        [
          'enrollments',
          'course_enrollments',
          'courses/{run}/enrollments',
          'courses/{external}/grades',
        ].flatMap((tail) =>
          ['', '/'].map((slash) => ({
            name: `…/${tail}${slash} is served, without a redirect`,
            path: `${program}/${tail}${slash}?fmt=csv`,
            as: 'owner' as const,
            status: 202,
          })),
        ),
      ),
      ['enrollments/upload/', 'course_enrollments/upload/'].map((tail) => ({
        name: `…/${tail} is served, without a redirect`,
        method: 'POST',
        path: `${program}/${tail}`,
        as: 'owner' as const,
        status: 400,
        json: { detail: 'No file content uploaded' },
      })),
      [{ name: '/api/v3/programs/ is served', path: '/api/v3/programs/', as: 'owner', status: 200 }],
    ),
  ))

describe('program keys', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...['a.b', 'a:b', 'a%20b', '%C3%A9', 'a%2Fb', 'a+b', 'a~b', '%00', 'a%0Ab'].map((key) => ({
        name: `${key} is no path, before anybody is asked for a token`,
        path: `/api/v1/programs/${key}`,
        status: 404,
        json: notFound,
      })),
      ...['a_b-c', 'A-Z_09', 'constructor', '__proto__', '-', '0'].flatMap((key): Case[] => [
        { name: `${key} is looked up`, path: `/api/v1/programs/${key}`, status: 401, json: notProvided },
        {
          name: `${key} is not there`,
          path: `/api/v1/programs/${key}`,
          as: 'root',
          status: 404,
          json: notFound,
        },
      ]),
      ...[255, 256, 2_000].map((length) => ({
        name: `a key of ${length} characters is looked up`,
        path: `/api/v1/programs/${'x'.repeat(length)}/enrollments`,
        as: 'root' as const,
        status: 404,
        json: notFound,
      })),
      {
        name: 'a key may come percent-encoded',
        path: '/api/v1/programs/{encodedKey}',
        as: 'viewer',
        status: 200,
      },
      {
        name: 'a key is compared exactly',
        path: '/api/v1/programs/{MASTERS}',
        as: 'root',
        status: 404,
        json: notFound,
      },
    ]),
  ))

describe('course ids', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...[
        '{run}',
        '{encodedRun}',
        '{lowerEncodedRun}',
        '{external}',
        '{plain}',
        '{slashed}',
        '{encodedSlashed}',
        '{halfEncoded}',
        'ext_{org}:1-2',
      ].flatMap((id) =>
        ['enrollments', 'enrollments/', 'grades', 'grades/'].map((tail) => ({
          name: `${id} is found at ${tail}`,
          path: `${program}/courses/${id}/${tail}`,
          as: 'reader' as const,
          status: 202,
        })),
      ),
      ...[
        'EXT1',
        'ext_key:1-2',
        'a+b+c',
        'a/b/c',
        'a/b+c',
        '__proto__',
        'constructor',
        'a+b+c+more',
        'a%20b+c+d',
        '{RUN}',
        '{EXTERNAL}',
        '%00+a+b',
      ].flatMap((id): Case[] => [
        {
          name: `${id} reaches the view`,
          path: `${program}/courses/${id}/enrollments`,
          status: 401,
          json: notProvided,
        },
        {
          name: `${id} is not there`,
          path: `${program}/courses/${id}/enrollments`,
          as: 'reader',
          status: 404,
          json: notFound,
        },
      ]),
      ...['ext.key', 'ext%20key', 'a+b', 'x/y/z/w', 'a/b', 'a+b+', '+b+c', 'x//y/z', '%C3%A9', '%00'].map(
        (id) => ({
          name: `${id} is no path`,
          path: `${program}/courses/${id}/enrollments`,
          status: 404,
          json: notFound,
        }),
      ),
      {
        name: 'a run that another program has is not there',
        path: `${program}/courses/course-v1:{micro}+ONE+2026/enrollments`,
        as: 'root',
        status: 404,
        json: notFound,
      },
    ]),
  ))

describe('job ids', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...[
        'ffff',
        'ffff/',
        '3b985cec-dcf4-4d38-9498-8545ebcf5d0f',
        '3b985cecdcf44d3894988545ebcf5d0f',
        '-',
        '0',
      ].flatMap((id): Case[] => [
        { name: `${id} reaches the view`, path: `/api/v1/jobs/${id}`, status: 401, json: notProvided },
        { name: `${id} is not there`, path: `/api/v1/jobs/${id}`, as: 'root', status: 404, json: notFound },
      ]),
      ...['FFFF', '3B985CEC-dcf4-4d38-9498-8545ebcf5d0f', 'xyz', 'aa_aa', 'a.b', '%00'].map((id) => ({
        name: `${id} is no path`,
        path: `/api/v1/jobs/${id}`,
        status: 404,
        json: notFound,
      })),
      {
        name: `an id of 10,000 characters is not there`,
        path: `/api/v1/jobs/${'f'.repeat(8_000)}`,
        as: 'root',
        status: 404,
        json: notFound,
      },
    ]),
  ))
