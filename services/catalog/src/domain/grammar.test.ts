import { expect, test } from 'vitest'
import { isCourseKey, isExternalKey, isKey, isUuid } from './grammar.ts'

test.each([
  ['a_b-C1', true],
  ['a'.repeat(255), true],
  ['a'.repeat(256), false],
  ['', false],
  ['a.b', false],
  ['a:b', false],
  ['é', false],
  ['a\n', false],
])('key %j: %j', (text, isRight) => expect(isKey(text)).toBe(isRight))

test.each([
  ['course-v1:Org+Course+Run', true],
  ['Org/Course/Run', true],
  ['a+b+c+d', true],
  ['a+b', false],
  ['a+b+', false],
  ['x/y/z/w', false],
  ['a+b+c?', false],
  ['a+b+c\n', false],
  [`a+b+${'c'.repeat(252)}`, false],
])('course key %j: %j', (text, isRight) => expect(isCourseKey(text)).toBe(isRight))

test.each([
  ['ext_key:1-2', true],
  ['ext.key', false],
  ['ext key', false],
  ['a+b', false],
  ['', false],
])('external key %j: %j', (text, isRight) => expect(isExternalKey(text)).toBe(isRight))

test.each([
  ['5F2a6e0c-6a1b-4a49-9a0e-0d1b6a1e7c11', true],
  ['5f2a6e0c6a1b4a499a0e0d1b6a1e7c11', false],
  ['{5f2a6e0c-6a1b-4a49-9a0e-0d1b6a1e7c11}', false],
])('uuid %j: %j', (text, isRight) => expect(isUuid(text)).toBe(isRight))
