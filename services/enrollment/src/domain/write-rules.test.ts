import { describe, expect, test } from 'vitest'
import {
  courseStatuses,
  isStudentKey,
  programStatuses,
  refusalInCourse,
  refusalInProgram,
  refusalOfWrite,
} from './write-rules.ts'

describe('a student key', () => {
  test.each(['a', ' a', '0', 'x'.repeat(255), '\u{1f600}'.repeat(255), 'é'.repeat(255)])(
    'may be %j',
    (key) => {
      expect(isStudentKey(key)).toBe(true)
    },
  )

  test.each([
    '',
    ' ',
    '\t\n',
    'a\0',
    '\ud800',
    'a\udc00b',
    'x'.repeat(256),
    '\u{1f600}'.repeat(256),
    'x'.repeat(100_000),
  ])('may not be %j', (key) => {
    expect(isStudentKey(key)).toBe(false)
  })
})

describe('before anything is looked up', () => {
  test.each(['enrolled', 'pending', 'suspended', 'canceled', 'ended'])(
    '%s is a status in a program and none in a course',
    (status) => {
      expect(refusalOfWrite({ studentKey: 'a', status }, programStatuses)).toBeUndefined()
      expect(refusalOfWrite({ studentKey: 'a', status }, courseStatuses)).toBe('invalid-status')
    },
  )

  test.each(['active', 'inactive'])('%s is a status in a course and none in a program', (status) => {
    expect(refusalOfWrite({ studentKey: 'a', status }, courseStatuses)).toBeUndefined()
    expect(refusalOfWrite({ studentKey: 'a', status }, programStatuses)).toBe('invalid-status')
  })

  test.each(['Enrolled', 'enrolled ', 'x', 'toString'])('%j is no status', (status) => {
    expect(refusalOfWrite({ studentKey: 'a', status }, programStatuses)).toBe('invalid-status')
  })

  test('a blank key or status is an error of the row, before its status is judged', () => {
    expect(refusalOfWrite({ studentKey: '', status: 'x' }, programStatuses)).toBe('internal-error')
    expect(refusalOfWrite({ studentKey: 'a', status: ' ' }, programStatuses)).toBe('internal-error')
  })
})

test('in a program, who is there cannot be made and who is not cannot be changed', () => {
  expect(refusalInProgram('create')).toBe('conflict')
  expect(refusalInProgram('update')).toBe('not-in-program')
})

test.each([
  [{ activeByAnotherProgram: true, inProgram: true }, 'conflict', 'conflict', 'conflict'],
  [{ activeByAnotherProgram: true, inProgram: false }, 'conflict', 'conflict', 'conflict'],
  [{ activeByAnotherProgram: false, inProgram: false }, 'not-in-program', 'not-in-program', 'not-in-program'],
  [{ activeByAnotherProgram: false, inProgram: true }, 'conflict', 'not-found', 'not-found'],
] as const)('in a course, %j is refused as %s, %s and %s', (learner, onCreate, onUpdate, onBoth) => {
  expect(refusalInCourse(learner, 'create')).toBe(onCreate)
  expect(refusalInCourse(learner, 'update')).toBe(onUpdate)
  expect(refusalInCourse(learner, 'create-or-update')).toBe(onBoth)
})
