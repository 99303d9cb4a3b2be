import type { MessageInitShape } from '@bufbuild/protobuf'
import { beforeAll, describe, expect, test } from 'vitest'
import type { CourseGradeSchema } from '#proto/registrar/enrollment/v1/course_grade_pb.ts'
import { WriteMode } from '#proto/registrar/enrollment/v1/enrollment_write_pb.ts'
import { openScene, type Scene } from './ask.ts'
import { runJob } from './run-job.ts'

let scene: Scene

beforeAll(async () => {
  scene = await openScene()
})

type Outcome = { letter?: string; percent: string; passed: boolean } | { error: string }

/** A run of its own for each test, with these learners and grades, read by the job. */
async function gradesOf(outcomes: Record<string, Outcome | undefined>, fmt: string) {
  const { catalog, enrollment } = scene.world.operator
  const key = `${scene.school.key}-${Math.random().toString(36).slice(2)}`
  const courseId = `grades+of+${key}`
  await catalog.createProgram({ key, organizationKey: scene.school.key, type: 'Masters' })
  await catalog.addCourseRun({ programKey: key, courseRun: { key: courseId } })
  for (const [number, studentKey] of Object.keys(outcomes).entries()) {
    const where = { programKey: key, mode: WriteMode.CREATE_OR_UPDATE }
    await enrollment.writeProgramEnrollments({ ...where, enrollments: [{ studentKey, status: 'enrolled' }] })
    await enrollment.writeCourseEnrollments({
      ...where,
      courseId,
      enrollments: [{ studentKey, status: 'active' }],
    })
    await enrollment.linkAccounts({
      programKey: key,
      accounts: [{ studentKey, username: `u${number}-${key}` }],
    })
  }
  const grades = Object.entries(outcomes).flatMap(([studentKey, outcome]) =>
    outcome === undefined ? [] : [{ studentKey, outcome: toMessage(outcome) }],
  )
  await enrollment.recordCourseGrades({ programKey: key, courseId, grades })
  return runJob(scene, {
    path: `/api/v1/programs/${key}/courses/${courseId}/grades?fmt=${fmt}`,
    as: 'reader',
  })
}

function toMessage(outcome: Outcome): NonNullable<MessageInitShape<typeof CourseGradeSchema>['outcome']> {
  if ('error' in outcome) return { case: 'error', value: outcome.error }
  const { letter, percent, passed } = outcome
  return { case: 'grade', value: { percent, passed, ...(letter !== undefined && { letterGrade: letter }) } }
}

const good = { letter: 'A', percent: '0.95', passed: true }
const noLetter = { percent: '1', passed: true }
const failed = { letter: 'F', percent: '0.123', passed: false }
const broken = { error: 'could not be "computed", sorry' }

describe('grades', () => {
  test('as JSON: absent fields left out, letter_grade always there, percent a text with three decimals', async () => {
    const { job, result } = await gradesOf({ anna: good, ben: noLetter, 'c,d': failed, eve: broken }, 'json')
    expect([job.name, job.state, job.text]).toEqual(['get_course_run_grades', 'Succeeded', '207'])
    expect(JSON.stringify(JSON.parse(result))).toBe(
      JSON.stringify([
        { student_key: 'anna', letter_grade: 'A', percent: '0.950', passed: true },
        { student_key: 'ben', letter_grade: null, percent: '1.000', passed: true },
        { student_key: 'c,d', letter_grade: 'F', percent: '0.123', passed: false },
        { student_key: 'eve', letter_grade: null, error: 'could not be "computed", sorry' },
      ]),
    )
  })

  test('as CSV, to the byte', async () => {
    const { result } = await gradesOf({ anna: good, ben: noLetter, 'c,d': failed, eve: broken }, 'csv')
    expect(result).toBe(
      'student_key,letter_grade,percent,passed,error\r\nanna,A,0.950,True,\r\nben,,1.000,True,\r\n"c,d",F,0.123,False,\r\n' +
        'eve,,,,"could not be ""computed"", sorry"\r\n',
    )
  })

  test.each<[text: string, outcomes: Record<string, Outcome | undefined>]>([
    ['200', { anna: good, ben: noLetter }],
    ['207', { anna: good, eve: broken }],
    ['422', { eve: broken, joe: broken }],
  ])('the text is %s', async (text, outcomes) => {
    const { job } = await gradesOf(outcomes, 'json')
    expect([job.state, job.text]).toEqual(['Succeeded', text])
  })

  test('of nobody: 204 and an empty list', async () => {
    for (const [fmt, empty] of [
      ['json', '[]'],
      ['csv', 'student_key,letter_grade,percent,passed,error\r\n'],
    ] as const) {
      const { job, result } = await gradesOf({}, fmt)
      expect([job.state, job.text, fmt === 'json' ? JSON.stringify(JSON.parse(result)) : result]).toEqual([
        'Succeeded',
        '204',
        empty,
      ])
    }
  })
})
