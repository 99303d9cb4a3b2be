import { expect, test } from 'vitest'
import { readDiscoveryOrganization, readDiscoveryProgram } from './discovery-program.ts'

const first = '11111111-1111-4111-8111-111111111111'
const second = '22222222-2222-4222-8222-222222222222'

const run = (key: unknown, more: object = {}) => ({ key, ...more })

test('a program is read, and what is not known of it is passed over', () => {
  const program = readDiscoveryProgram({
    uuid: first.toUpperCase(),
    title: 'Computer Science',
    marketing_url: 'https://example.org/cs',
    type: 'Masters',
    marketing_slug: 'masters/cs',
    authoring_organizations: [{ uuid: second, key: 'stem', name: 'STEM' }],
    curricula: [],
    newly_invented: { nested: [1] },
  })
  expect(program).toEqual({
    uuid: first,
    title: 'Computer Science',
    url: 'https://example.org/cs',
    type: 'Masters',
    activeCurriculumUuid: null,
    courseRuns: [],
    marketingSlug: 'masters/cs',
    authoringOrganizations: [{ uuid: second, key: 'stem' }],
    tellsCurricula: true,
  })
})

test('only the first active curriculum counts, its runs in order through all courses', () => {
  const curricula = [
    { uuid: first, is_active: false, courses: [{ course_runs: [run('old+a+1')] }] },
    {
      uuid: second,
      is_active: 1,
      courses: [
        { course_runs: [run('c+a+1', { external_key: 'EXT', title: 'A', marketing_url: 'https://a' })] },
        {},
        { course_runs: [run('c+b+1'), run('c+b+2', { external_key: null, title: 7 })] },
      ],
    },
    { uuid: first, is_active: true, courses: [{ course_runs: [run('late+a+1')] }] },
  ]
  expect(readDiscoveryProgram({ curricula })).toMatchObject({
    activeCurriculumUuid: second,
    courseRuns: [
      { key: 'c+a+1', externalKey: 'EXT', title: 'A', url: 'https://a' },
      { key: 'c+b+1', externalKey: null, title: null, url: null },
      { key: 'c+b+2', externalKey: null, title: null, url: null },
    ],
  })
})

test('a curriculum that has no usable id is none, and a run without a key is left out', () => {
  const courses = [{ course_runs: [run(null), run('c+a+1'), 'nonsense', null] }]
  expect(readDiscoveryProgram({ curricula: [{ uuid: 'None', is_active: true, courses }] })).toMatchObject({
    activeCurriculumUuid: null,
    courseRuns: [],
  })
  const curricula = [null, { uuid: first, is_active: true, courses }]
  expect(readDiscoveryProgram({ curricula })?.courseRuns.map(({ key }) => key)).toEqual(['c+a+1'])
})

test('missing and impossible fields become nulls', () => {
  expect(readDiscoveryProgram({ title: '', type: 5, marketing_url: null, curricula: 'none' })).toEqual({
    uuid: null,
    title: null,
    url: null,
    type: null,
    activeCurriculumUuid: null,
    courseRuns: [],
    marketingSlug: null,
    authoringOrganizations: [],
    tellsCurricula: false,
  })
  expect(readDiscoveryProgram({ title: 'a\0b' })?.title).toBe('ab')
})

test.each([null, [], 'text', 7, {}, { detail: 'Not found.' }, undefined])('%j is no program', (json) => {
  expect(readDiscoveryProgram(json)).toBeUndefined()
})

test('an organization is read', () => {
  expect(readDiscoveryOrganization({ uuid: first, key: 'stem', name: 'STEM', logo: null })).toEqual({
    uuid: first,
    key: 'stem',
    name: 'STEM',
  })
  expect(readDiscoveryOrganization({ uuid: 'x' })).toEqual({ uuid: null, key: null, name: null })
  expect(readDiscoveryOrganization('stem')).toBeUndefined()
})
