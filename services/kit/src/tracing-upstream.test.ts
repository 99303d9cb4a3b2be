import { expect, test } from 'vitest'
import { templateOf } from './tracing-upstream.ts'

test.each([
  [
    '/api/program_enrollments/v1/programs/9c2f0f4e-1111-4222-8333-444455556666/enrollments/?cursor=abc',
    '/api/program_enrollments/v1/programs/{id}/enrollments/',
  ],
  ['/api/v1/programs/x/courses/course-v1:edX+Demo+2026/grades/', '/api/v1/programs/x/courses/{id}/grades/'],
  ['/oauth2/access_token', '/oauth2/access_token'],
  ['/api/user/Ann%20Lee', '/api/user/{id}'],
  ['/', '/'],
])('of the path %j a span tells %j', (path, template) => {
  expect(templateOf(path)).toBe(template)
})
