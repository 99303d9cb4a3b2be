import { beforeAll, describe, expect, test } from 'vitest'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import type { PartName } from '../fixtures/cast.ts'
import { fill, openScene, type Scene } from './ask.ts'
import { runJob } from './run-job.ts'

let scene: Scene

const learners = [
  'plain',
  'c,d',
  'q"r',
  'Zoë 日本',
  '=1+1',
  ' padded ',
  '10',
  '\u{1f600}',
  'semi;colon',
  "it's",
]
const statuses = ['enrolled', 'pending', 'suspended', 'canceled', 'ended']

beforeAll(async () => {
  scene = await openScene()
  const { masters } = scene.school
  const { enrollment } = scene.world.operator
  // One at a time: what is written together is read in an order that the contract leaves open.
  for (const [number, studentKey] of learners.entries()) {
    await enrollment.writeProgramEnrollments({
      programKey: masters.key,
      mode: WriteMode.CREATE_OR_UPDATE,
      enrollments: [{ studentKey, status: statuses[number % 5] as string }],
    })
  }
  await enrollment.linkAccounts({
    programKey: masters.key,
    accounts: [
      { studentKey: 'plain', username: 'plain_user', email: 'plain@example.org' },
      { studentKey: 'q"r', username: 'q,r', email: '"q"@example.org' },
    ],
  })
  const inRun = (courseId: string, studentKey: string, status: string, courseStaff?: boolean) =>
    enrollment.writeCourseEnrollments({
      programKey: masters.key,
      courseId,
      mode: WriteMode.CREATE_OR_UPDATE,
      enrollments: [{ studentKey, status, ...(courseStaff !== undefined && { courseStaff }) }],
    })
  await inRun(masters.withExternalKey.key, 'plain', 'active', true)
  await inRun(masters.withExternalKey.key, 'c,d', 'inactive')
  await inRun(masters.withoutExternalKey.key, 'q"r', 'active', false)
  await inRun(masters.withoutExternalKey.key, ' padded ', 'active', true)
})

async function read(tail: string, as: PartName): Promise<string> {
  const { job, result } = await runJob(scene, { path: `/api/v2/programs/{masters}/${tail}`, as })
  expect([job.state, job.text]).toEqual(['Succeeded', null])
  return result
}

const programRows = [
  ['plain', 'enrolled', true, 'plain_user', 'plain@example.org'],
  ['c,d', 'pending', false, '', ''],
  ['q"r', 'suspended', true, 'q,r', '"q"@example.org'],
  ['Zoë 日本', 'canceled', false, '', ''],
  ['=1+1', 'ended', false, '', ''],
  ['padded', 'enrolled', false, '', ''],
  ['10', 'pending', false, '', ''],
  ['\u{1f600}', 'suspended', false, '', ''],
  ['semi;colon', 'canceled', false, '', ''],
  ["it's", 'ended', false, '', ''],
] as const

describe('program enrollments', () => {
  test('as JSON: keys in alphabetical order, rows as they were made', async () => {
    const rows = programRows.map(([student_key, status, account_exists]) => ({
      account_exists,
      status,
      student_key,
    }))
    const text = await read('enrollments', 'reader')
    expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(rows))
    expect(text.endsWith('\n')).toBe(false)
  })

  test('as CSV, to the byte', async () => {
    expect(await read('enrollments?fmt=csv', 'reader')).toBe(
      'student_key,status,account_exists\r\nplain,enrolled,True\r\n"c,d",pending,False\r\n"q""r",suspended,True\r\n' +
        "Zoë 日本,canceled,False\r\n=1+1,ended,False\r\npadded,enrolled,False\r\n10,pending,False\r\n\u{1f600},suspended,False\r\nsemi;colon,canceled,False\r\nit's,ended,False\r\n",
    )
  })

  test.each(['registrar', 'registrarByGroup', 'root'] as const)(
    'with usernames and addresses for %s, as JSON',
    async (as) => {
      const rows = programRows.map(([student_key, status, account_exists, username, email]) => ({
        account_exists,
        email,
        status,
        student_key,
        username,
      }))
      expect(JSON.stringify(JSON.parse(await read('enrollments?fmt=json', as)))).toBe(JSON.stringify(rows))
    },
  )

  test('with usernames and addresses, as CSV, to the byte', async () => {
    expect(await read('enrollments?fmt=csv', 'registrar')).toBe(
      'student_key,status,account_exists,username,email\r\nplain,enrolled,True,plain_user,plain@example.org\r\n"c,d",pending,False,,\r\n' +
        '"q""r",suspended,True,"q,r","""q""@example.org"\r\nZoë 日本,canceled,False,,\r\n=1+1,ended,False,,\r\npadded,enrolled,False,,\r\n' +
        "10,pending,False,,\r\n\u{1f600},suspended,False,,\r\nsemi;colon,canceled,False,,\r\nit's,ended,False,,\r\n",
    )
  })

  test('follow the flag of the one who asks, as it was then', async () => {
    const { accessControl } = scene.world.operator
    const flag = {
      flag: 'include_name_email_in_get_program_enrollment',
      subject: { case: 'username' as const, value: scene.cast.username('writer') },
    }
    const header = async () => (await read('enrollments?fmt=csv', 'writer')).split('\r\n', 1)[0]
    expect(await header()).toBe('student_key,status,account_exists')
    await accessControl.setFlag({ ...flag, enabled: true })
    expect(await header()).toBe('student_key,status,account_exists,username,email')
    await accessControl.setFlag({ ...flag, enabled: false })
    expect(await header()).toBe('student_key,status,account_exists')
  })
})

// course_id is the external key where there is one, whichever was asked with.
const first = [
  { course_id: '{external}', student_key: 'plain', status: 'active', account_exists: true },
  { course_id: '{external}', student_key: 'c,d', status: 'inactive', account_exists: false },
]
const second = [
  { course_id: '{plain}', student_key: 'q"r', status: 'active', account_exists: true },
  { course_id: '{plain}', student_key: 'padded', status: 'active', account_exists: false },
]
const withStaff = (rows: typeof first, ...staff: boolean[]) =>
  rows.map((row, at) => ({ ...row, course_staff: staff[at] }))

describe('course enrollments', () => {
  test.each<[tail: string, as: PartName, rows: unknown[]]>([
    ['courses/{run}/enrollments', 'reader', first],
    ['courses/{external}/enrollments', 'reader', first],
    ['courses/{plain}/enrollments', 'reader', second],
    ['courses/{run}/enrollments', 'registrar', first],
    ['courses/{run}/enrollments', 'instructor', withStaff(first, true, false)],
    ['courses/{run}/enrollments', 'instructorByGroup', withStaff(first, true, false)],
    ['courses/{run}/enrollments', 'root', withStaff(first, true, false)],
    ['course_enrollments', 'reader', [...first, ...second]],
    [
      'course_enrollments',
      'instructor',
      [...withStaff(first, true, false), ...withStaff(second, false, true)],
    ],
  ])('%s as JSON for %s: keys and rows in the contract’s order', async (tail, as, rows) => {
    expect(JSON.stringify(JSON.parse(await read(tail, as)))).toBe(JSON.stringify(fill(scene.names, rows)))
  })

  test.each<[tail: string, as: PartName, text: string]>([
    [
      'courses/{external}/enrollments',
      'reader',
      'course_id,student_key,status,account_exists\r\n{external},plain,active,True\r\n{external},"c,d",inactive,False\r\n',
    ],
    [
      'courses/{plain}/enrollments',
      'instructor',
      'course_id,student_key,status,account_exists,course_staff\r\n{plain},"q""r",active,True,False\r\n{plain},padded,active,False,True\r\n',
    ],
    [
      'course_enrollments',
      'reader',
      'course_id,student_key,status,account_exists\r\n{external},plain,active,True\r\n{external},"c,d",inactive,False\r\n{plain},"q""r",active,True\r\n{plain},padded,active,False\r\n',
    ],
    [
      'course_enrollments',
      'instructorByGroup',
      'course_id,student_key,status,account_exists,course_staff\r\n{external},plain,active,True,True\r\n{external},"c,d",inactive,False,False\r\n{plain},"q""r",active,True,False\r\n{plain},padded,active,False,True\r\n',
    ],
  ])('%s as CSV for %s, to the byte', async (tail, as, text) => {
    expect(await read(`${tail}?fmt=csv`, as)).toBe(fill(scene.names, text))
  })
})

describe('nothing', () => {
  test.each<[tail: string, as: PartName, csv: string]>([
    ['enrollments', 'reader', 'student_key,status,account_exists\r\n'],
    ['enrollments', 'registrar', 'student_key,status,account_exists,username,email\r\n'],
    ['courses/none+none+none/enrollments', 'reader', 'course_id,student_key,status,account_exists\r\n'],
    ['course_enrollments', 'instructor', 'course_id,student_key,status,account_exists,course_staff\r\n'],
  ])('of %s for %s is a list without rows', async (tail, as, csv) => {
    const key = `${scene.school.key}-${as}-${tail.length}`
    const { catalog } = scene.world.operator
    await catalog.createProgram({ key, organizationKey: scene.school.key, type: 'Masters' })
    await catalog.addCourseRun({ programKey: key, courseRun: { key: 'none+none+none' } })
    const path = `/api/v1/programs/${key}/${tail}`
    expect(JSON.parse((await runJob(scene, { path, as })).result)).toEqual([])
    expect((await runJob(scene, { path: `${path}?fmt=csv`, as })).result).toBe(csv)
  })
})
