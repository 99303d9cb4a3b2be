import { beforeAll, describe, expect, test } from 'vitest'
import type { PartName } from '../fixtures/cast.ts'
import { fill, openScene, type Scene } from './ask.ts'
import { formOf, runJob } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
  await scene.school.enroll(scene.school.masters, 40, 'l')
})

const l = (number: number) => `l${String(number).padStart(6, '0')}`
const programUpload = '/api/v1/programs/{masters}/enrollments/upload'
const courseUpload = '/api/v1/programs/{masters}/course_enrollments/upload'

async function upload(path: string, lines: string[], as: PartName = 'writer') {
  const content = fill(scene.names, lines).join('\n')
  const { job, result, contentType } = await runJob(scene, {
    method: 'POST',
    path,
    as,
    body: formOf(content),
  })
  expect([job.state, contentType]).toEqual(['Succeeded', 'text/csv; charset=utf-8'])
  return {
    job,
    text: job.text,
    result: result
      .replaceAll(scene.names.external ?? '', '{external}')
      .replaceAll(scene.names.run ?? '', '{run}'),
  }
}

async function stored(tail: string, as: PartName = 'reader'): Promise<Map<string, Record<string, unknown>>> {
  const { result } = await runJob(scene, { path: `/api/v1/programs/{masters}/${tail}`, as })
  return new Map((JSON.parse(result) as { student_key: string }[]).map((row) => [row.student_key, row]))
}

const lines = (...rows: string[]) => rows.map((row) => `${row}\r\n`).join('')

describe('a program upload', () => {
  test('creates and updates; its result is sorted by learner', async () => {
    const { job, text, result } = await upload(programUpload, [
      'status,student_key',
      `ended,${l(1)}`,
      'pending,b-new',
      'enrolled,B-new',
      `suspended,${l(0)}`,
    ])
    expect([job.name, text]).toEqual([`${scene.school.masters.key}:write:write_program_enrollments`, '200'])
    expect(result).toBe(
      lines('student_key,status', 'B-new,enrolled', 'b-new,pending', `${l(0)},suspended`, `${l(1)},ended`),
    )
    const rows = await stored('enrollments')
    expect(['b-new', l(0), l(1)].map((key) => rows.get(key)?.status)).toEqual([
      'pending',
      'suspended',
      'ended',
    ])
  })

  test('tells a learner named twice once, and writes none of the two', async () => {
    const { text, result } = await upload(programUpload, [
      'student_key,status',
      `${l(2)},ended`,
      'c-new,enrolled',
      `${l(2)},canceled`,
    ])
    expect([text, result]).toEqual([
      '207',
      lines('student_key,status', 'c-new,enrolled', `${l(2)},duplicated`),
    ])
    expect((await stored('enrollments')).get(l(2))?.status).toBe('enrolled')
  })

  test.each<[text: string, rows: string[]]>([
    ['200', [`${l(3)},enrolled`]],
    ['207', [`${l(3)},enrolled`, `${l(4)},x`]],
    ['422', [`${l(3)},x`, `${l(4)},x`]],
    ['422', [`${l(3)},enrolled`, `${l(3)},enrolled`]],
    ['204', []],
  ])('has the text %s', async (expected, rows) => {
    expect((await upload(programUpload, ['student_key,status', ...rows])).text).toBe(expected)
  })

  test('of more learners than one write takes is as one', async () => {
    const rows = Array.from(
      { length: 1_234 },
      (_, number) => `many-${String(number).padStart(5, '0')},${number === 777 ? 'x' : 'enrolled'}`,
    )
    const { text, result } = await upload(programUpload, ['student_key,status', ...rows.toReversed()])
    expect([text, result]).toEqual([
      '207',
      lines('student_key,status', ...rows).replace('many-00777,x', 'many-00777,invalid-status'),
    ])
  })

  test('quotes what it must', async () => {
    const { result } = await upload(programUpload, [
      'student_key,status',
      '"c,d",enrolled',
      '"q""r",enrolled',
      'Zoë,enrolled',
    ])
    expect(result).toBe(lines('student_key,status', 'Zoë,enrolled', '"c,d",enrolled', '"q""r",enrolled'))
  })
})

describe('a course upload', () => {
  const header = 'course_id,student_key,status'

  test('goes course by course in the order of the file, each sorted by learner, the course as it was given', async () => {
    const { job, text, result } = await upload(courseUpload, [
      header,
      `{plain},${l(12)},active`,
      `{external},${l(11)},active`,
      `{plain},${l(10)},inactive`,
      `{external},${l(10)},active`,
    ])
    expect([job.name, text]).toEqual([
      `${scene.school.masters.key}:write:write_course_run_enrollments`,
      '200',
    ])
    const plain = scene.names.plain
    expect(result).toBe(
      lines(
        header,
        `${plain},${l(10)},inactive`,
        `${plain},${l(12)},active`,
        `{external},${l(10)},active`,
        `{external},${l(11)},active`,
      ),
    )
    expect((await stored('courses/{external}/enrollments')).get(l(11))?.status).toBe('active')
  })

  test('tells rows of a course that is not there as they came, duplicates too', async () => {
    const { text, result } = await upload(courseUpload, [
      header,
      `nowhere,${l(14)},active`,
      `{external},${l(13)},active`,
      `nowhere,${l(13)},x`,
      `nowhere,${l(14)},active`,
      `course-v1:{micro}+ONE+2026,${l(13)},active`,
    ])
    expect(text).toBe('207')
    expect(result).toBe(
      lines(
        header,
        `nowhere,${l(14)},course-not-found`,
        `nowhere,${l(13)},course-not-found`,
        `nowhere,${l(14)},course-not-found`,
        `{external},${l(13)},active`,
        `course-v1:${scene.school.micro.key}+ONE+2026,${l(13)},course-not-found`,
      ),
    )
  })

  test('with nothing but courses that are not there is 422', async () => {
    expect((await upload(courseUpload, [header, `nowhere,${l(14)},active`])).text).toBe('422')
  })

  test('tells duplicates for each course, and takes one run by two names for two', async () => {
    const { text, result } = await upload(courseUpload, [
      header,
      `{external},${l(15)},active`,
      `{run},${l(15)},inactive`,
      `{external},${l(16)},active`,
      `{external},${l(16)},inactive`,
    ])
    expect(text).toBe('207')
    expect(result).toBe(
      lines(
        header,
        `{external},${l(15)},active`,
        `{external},${l(16)},duplicated`,
        `{run},${l(15)},inactive`,
      ),
    )
    const rows = await stored('courses/{external}/enrollments')
    expect([rows.get(l(15))?.status, rows.has(l(16))]).toEqual(['inactive', false])
  })

  test('refuses who is not in the program, and a status that is none of a course', async () => {
    const { result } = await upload(courseUpload, [
      header,
      '{external},outsider,active',
      `{external},${l(17)},enrolled`,
    ])
    expect(result).toBe(
      lines(header, `{external},${l(17)},invalid-status`, '{external},outsider,not-in-program'),
    )
  })

  const staffHeader = `${header},course_staff`

  test('without the flag knows no course_staff', async () => {
    const { text, result } = await upload(courseUpload, [staffHeader, `{external},${l(18)},active,True`])
    expect([text, result]).toEqual(['200', lines(header, `{external},${l(18)},active`)])
    expect((await stored('courses/{external}/enrollments', 'instructor')).get(l(18))?.course_staff).toBe(
      false,
    )
  })

  test('with the flag writes course_staff and echoes it for each course and learner', async () => {
    const { text, result } = await upload(
      courseUpload,
      [
        staffHeader,
        `{external},${l(20)},active,True`,
        `{plain},${l(20)},active,False`,
        `{external},${l(21)},active,`,
        `{external},${l(22)},active,  `,
        `{external},${l(23)},active,t`,
        `nowhere,${l(20)},active,True`,
      ],
      'instructor',
    )
    expect(text).toBe('207')
    expect(result).toBe(
      lines(
        staffHeader,
        `{external},${l(20)},active,True`,
        `{external},${l(21)},active,`,
        `{external},${l(22)},active,`,
        `{external},${l(23)},active,t`,
        `${scene.names.plain},${l(20)},active,False`,
        `nowhere,${l(20)},course-not-found,True`,
      ),
    )
    const run = await stored('courses/{external}/enrollments', 'instructor')
    expect([20, 21, 22, 23].map((number) => run.get(l(number))?.course_staff)).toEqual([
      true,
      false,
      false,
      true,
    ])
    const plain = await stored('courses/{plain}/enrollments', 'instructor')
    expect(plain.get(l(20))?.course_staff).toBe(false)
  })

  test('a course_staff that is blank changes nothing', async () => {
    await upload(courseUpload, [staffHeader, `{external},${l(24)},active,True`], 'instructor')
    await upload(courseUpload, [staffHeader, `{external},${l(24)},inactive,`], 'instructor')
    const run = await stored('courses/{external}/enrollments', 'instructor')
    expect(run.get(l(24))).toMatchObject({ course_staff: true, status: 'inactive' })
  })

  test('a course_staff that says neither yes nor no costs that row alone', async () => {
    const { text, result } = await upload(
      courseUpload,
      [staffHeader, `{external},${l(25)},active,maybe`, `{external},${l(26)},active,False`],
      'instructor',
    )
    expect(text).toBe('207')
    expect(result).toBe(
      lines(staffHeader, `{external},${l(25)},internal-error,maybe`, `{external},${l(26)},active,False`),
    )
  })

  test('with the flag and no such column has no such column', async () => {
    const { result } = await upload(courseUpload, [header, `{external},${l(27)},active`], 'instructor')
    expect(result).toBe(lines(header, `{external},${l(27)},active`))
  })
})
