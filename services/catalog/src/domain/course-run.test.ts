import { expect, test } from 'vitest'
import { type CourseRun, resolveCourseRuns } from './course-run.ts'

function run(key: string, externalKey: string | null = null): CourseRun {
  return { key, externalKey, title: null, url: null }
}

test('an id names the first run that has it as either key', () => {
  const runs = [run('a+b+1', 'X'), run('a+b+2', 'X'), run('X', 'Y'), run('a+b+1', 'Z')]
  const found = resolveCourseRuns(runs, ['X', 'Y', 'a+b+1', 'Z'])
  expect([...found].map(([id, { key }]) => [id, key])).toEqual([
    ['X', 'a+b+1'],
    ['Y', 'X'],
    ['a+b+1', 'a+b+1'],
    ['Z', 'a+b+1'],
  ])
})

test('ids are compared exactly, and those that name nothing are left out', () => {
  const found = resolveCourseRuns(
    [run('a+b+1', 'X')],
    ['x', ' X', 'a+b+1 ', 'null', '', 'constructor', '__proto__'],
  )
  expect(found.size).toBe(0)
})
