import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { JobState } from './job.ts'
import { partKeyOf, resultKeyOf, uploadKeyOf } from './object-keys.ts'
import { isLeftover, type JobObject, jobObjectOf, secondsPerDay } from './retention.ts'

const retention = { resultDays: 30, uploadDays: 7, jobDays: 90 }
const day = secondsPerDay

test('an object of a job is known by its key, and no other is', () => {
  const jobId = randomUUID()
  expect(jobObjectOf(partKeyOf(jobId, { part: 3, name: '0badcafe', before: 'cafebabe' }))).toEqual({
    jobId,
    is: 'part',
  })
  expect(jobObjectOf(resultKeyOf({ id: jobId, format: 'csv' }))).toEqual({ jobId, is: 'result' })
  expect(jobObjectOf(uploadKeyOf(jobId))).toEqual({ jobId, is: 'upload' })
  for (const key of ['job-results/notes.json', `reports/${jobId}.csv`, `uploads/${jobId}.json/x`, jobId]) {
    expect(jobObjectOf(key)).toBeUndefined()
  }
})

describe('after a day nobody needs', () => {
  test.each<[JobObject['is'], JobState | undefined, boolean]>([
    ['part', 'IN_PROGRESS', false],
    ['part', 'SUCCEEDED', true],
    ['part', 'FAILED', true],
    ['part', undefined, true],
    ['result', 'SUCCEEDED', false],
    ['result', 'IN_PROGRESS', false],
    ['result', 'CANCELED', true],
    ['upload', 'FAILED', false],
    ['upload', 'PENDING', false],
  ])('a %s of a job that is %s: %s', (is, state, expected) => {
    expect(isLeftover(is, state, 2 * day, retention)).toBe(expected)
    expect(isLeftover(is, state, day / 2, retention)).toBe(false)
  })
})

test('results and uploads of unknown jobs are kept as long as those of known ones', () => {
  expect(isLeftover('result', undefined, 29 * day, retention)).toBe(false)
  expect(isLeftover('result', undefined, 31 * day, retention)).toBe(true)
  expect(isLeftover('upload', undefined, 6 * day, retention)).toBe(false)
  expect(isLeftover('upload', undefined, 8 * day, retention)).toBe(true)
  expect(isLeftover('upload', undefined, 1_000 * day, { ...retention, uploadDays: 0 })).toBe(false)
})
