import { beforeAll, describe } from 'vitest'
import { openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notAList, runCases } from './run-cases.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

const path = '/api/v1/programs/{masters}/enrollments'
const coursePath = '/api/v1/programs/{masters}/courses/{run}/enrollments'
const good = { student_key: 'somebody', status: 'enrolled' }
const noDict = ['expected items in request to be of type Dict']
const noKey = ['expected request dicts to have string value for "student_key"']
const noStatus = ['expected request dicts to have string value for "status"']
const noBoolean = ['expected request dicts to have boolean value for "course_staff"']

const patch = (
  name: string,
  body: unknown,
  status: number,
  json: unknown,
  rest: Partial<Case> = {},
): Case => ({
  name,
  method: 'PATCH',
  path,
  as: 'writer',
  body,
  status,
  json,
  ...rest,
})
describe('a body that is no list', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...['{}', '"text"', '1', 'null', 'true', '{"a":[]}', '1e2', '-0'].map((body) =>
        patch(`${body}`, body, 400, notAList),
      ),
      patch('nothing', undefined, 400, notAList),
      patch('an empty body', '', 400, notAList),
      patch('an empty body of another type', '', 400, notAList, {
        headers: { 'content-type': 'text/plain' },
      }),
      patch('a form', 'a=b', 400, notAList, {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
      patch('a multipart form', new FormData(), 400, notAList),
      patch('a multipart form without a boundary', '[]', 400, notAList, {
        headers: { 'content-type': 'multipart/form-data' },
      }),
    ]),
  ))

describe('an item', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...[1, 'x', null, [], true, [good]].map((each) =>
        patch(`${JSON.stringify(each)} is no object`, [each], 400, noDict),
      ),
      ...[undefined, null, 1, {}, [], true].flatMap((value) => [
        patch(`${JSON.stringify(value)} is no student_key`, [{ ...good, student_key: value }], 400, noKey),
        patch(`${JSON.stringify(value)} is no status`, [{ ...good, status: value }], 400, noStatus),
      ]),
      patch('without both lacks the key', [{}], 400, noKey),
      patch('that is good does not help another', [good, {}, 1], 400, noKey),
      patch('that comes first and is bad decides', [1, {}, good], 400, noDict),
      patch('may be empty texts, which the learners’ rules judge', [{ student_key: '', status: '' }], 422, {
        '': 'internal-error',
      }),
      ...['yes', 1, 0, {}, [], 'true'].map((value) =>
        patch(
          `${JSON.stringify(value)} is no course_staff`,
          [{ ...good, course_staff: value }],
          400,
          noBoolean,
          { path: coursePath },
        ),
      ),
      patch('has its key looked at before course_staff', [{ course_staff: 1 }], 400, noKey, {
        path: coursePath,
      }),
      ...[26, 1_000].map((count) =>
        patch(`is one of ${count}`, Array(count).fill(1), 413, { detail: 'Enrollment limit 25' }),
      ),
      patch(
        'is one of 26 that are the same',
        Array(26).fill(good),
        413,
        { detail: 'Enrollment limit 25' },
        { path: coursePath },
      ),
    ]),
  ))

describe('the type of a body', () =>
  runCases(
    () => scene,
    [
      ...[
        'text/plain',
        'text/plain;charset=UTF-8',
        'application/xml',
        'nonsense',
        'application/jsonx',
        'text/json',
        '',
      ].map((type) =>
        patch(
          `"${type}" is refused`,
          '[]',
          415,
          { detail: `Unsupported media type "${type}" in request.` },
          { headers: { 'content-type': type } },
        ),
      ),
      ...[
        'application/json',
        'Application/JSON',
        'application/json; charset=utf-8',
        'application/json;charset=latin-1',
        ' application/json ',
      ].map((type) => patch(`"${type}" is JSON`, '[]', 422, {}, { headers: { 'content-type': type } })),
    ],
  ))

describe('query parameters given twice', () =>
  runCases(
    () => scene,
    [
      { name: 'fmt', path: `${path}?fmt=xml&fmt=csv`, as: 'reader', status: 202 },
      { name: 'format', path: '/api/v1/programs?format=xml&format=json', as: 'viewer', status: 200 },
      {
        name: 'as lists, which are other names',
        path: `${path}?fmt[]=xml&fmt[a]=xml`,
        as: 'reader',
        status: 202,
      },
      {
        name: 'a thousand times',
        path: `${path}?${'fmt=x&'.repeat(1_000)}fmt=json`,
        as: 'reader',
        status: 202,
      },
      {
        name: 'under names that mean something to JavaScript',
        path: `${path}?__proto__=1&constructor=2&fmt=json`,
        as: 'reader',
        status: 202,
      },
      { name: 'broken', path: `${path}?fmt=%ff%&%E0%A4=1&==&&&=x`, as: 'reader', status: 404 },
    ],
  ))
