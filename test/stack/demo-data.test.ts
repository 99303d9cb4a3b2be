import { expect, test } from 'vitest'
import {
  demoGrade,
  demoLearner,
  demoLearners,
  demoMasters,
  demoOrganizations,
  demoPartner,
  demoPartners,
  demoPrograms,
} from './demo-data.ts'

test('three organizations have six programs, Masters and others, with and without external course keys', () => {
  expect(demoOrganizations).toHaveLength(3)
  expect(demoPrograms).toHaveLength(6)
  expect(new Set(demoPrograms.map(({ organizationKey }) => organizationKey)).size).toBe(3)
  expect(new Set(demoPrograms.map(({ type }) => type === 'Masters'))).toEqual(new Set([true, false]))
  const runs = demoPrograms.flatMap(({ courseRuns }) => courseRuns)
  expect(new Set(runs.map(({ externalKey }) => externalKey !== undefined))).toEqual(new Set([true, false]))
})

test('there is one partner for each of the eight roles, and the one with the token reads and writes', () => {
  expect(new Set(demoPartners.map(({ role }) => role)).size).toBe(8)
  expect(demoPartners.find(({ username }) => username === demoPartner)?.role).toBe(
    'organization_read_write_enrollments',
  )
})

test('ten thousand learners differ, are in every status, and some have no account', () => {
  const learners = Array.from({ length: demoLearners }, (_, index) => demoLearner(index))
  expect(new Set(learners.map(({ studentKey }) => studentKey)).size).toBe(10_000)
  expect(new Set(learners.map(({ status }) => status))).toEqual(
    new Set(['enrolled', 'pending', 'suspended', 'canceled', 'ended']),
  )
  expect(learners.filter(({ account }) => account !== undefined)).toHaveLength(6_000)
})

test('grades have three decimals, letters that fit them, and are missing for some', () => {
  const grades = Array.from({ length: 3_000 }, (_, index) => demoGrade(index))
  expect(grades).toContain(undefined)
  for (const grade of grades) {
    if (grade === undefined) continue
    expect(grade.percent).toMatch(/^[01]\.\d{3}$/)
    expect(Number(grade.percent)).toBeLessThanOrEqual(1)
    expect(grade.passed).toBe(grade.letterGrade !== 'F')
  }
  expect(new Set(grades.map((grade) => grade?.letterGrade))).toEqual(
    new Set(['A', 'B', 'C', 'D', 'F', undefined]),
  )
})

test('the first two runs of the Masters program are the ones with learners', () => {
  expect(demoMasters.courseRuns.slice(0, 2).map((run) => 'externalKey' in run)).toEqual([true, false])
})
