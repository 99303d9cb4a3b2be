import type { Client } from '@connectrpc/connect'
import { DomainError, Reason } from '#kit/errors.ts'
import type { CatalogService } from '#proto/registrar/catalog/v1/catalog_service_pb.ts'
import type { EnrollmentService } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'
import type { Row } from '../domain/result-format.ts'
import type { Cursor, ReadTask } from '../domain/tasks.ts'
import { callOptionsFor } from './call-options.ts'

export type RowSources = {
  catalog: Client<typeof CatalogService>
  enrollment: Client<typeof EnrollmentService>
}

/** Some rows, and where to go on behind them. */
export type Batch = { rows: readonly Row[]; cursor: Cursor; isLast: boolean }

/** The rows that a job reads, from a place on and about so many; at least one batch, be it empty. */
export async function* readRows(
  sources: RowSources,
  task: ReadTask,
  cursor: Cursor,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  if (task.kind === 'ListAllCourseRunEnrollments') {
    yield* readAllCourses(sources, task, cursor, limit, signal)
    return
  }
  for await (const { rows, token } of withAnEnd(openStream(sources, task, cursor.token, limit, signal))) {
    yield { rows, cursor: { ...cursor, token }, isLast: token === '' }
  }
}

/** One run after the other, in the order of the curriculum. */
async function* readAllCourses(
  sources: RowSources,
  task: ReadTask,
  cursor: Cursor,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const keys = await courseKeysFrom(sources, task, cursor.courseKey, signal)
  if (keys.length === 0) yield { rows: [], cursor, isLast: true }
  let left = limit
  for (const [index, courseKey] of keys.entries()) {
    const next = keys[index + 1]
    const from = index === 0 ? cursor.token : ''
    const stream = openStream(sources, { ...task, courseKey }, from, left, signal)
    let hasEnded = false
    for await (const { rows, token } of withAnEnd(stream)) {
      left -= rows.length
      hasEnded = token === ''
      const place = hasEnded && next !== undefined ? next : courseKey
      yield { rows, cursor: { ...cursor, courseKey: place, token }, isLast: hasEnded && next === undefined }
    }
    // A stream that was cut short goes on in the next part.
    if (!hasEnded || left <= 0) return
  }
}

async function courseKeysFrom(
  { catalog }: RowSources,
  task: ReadTask,
  first: string,
  signal: AbortSignal,
): Promise<string[]> {
  const { courseRuns } = await catalog.listCourseRuns(
    { programKey: task.programKey },
    callOptionsFor(task, signal),
  )
  const keys = courseRuns.map(({ key }) => key)
  if (first === '') return keys
  const index = keys.indexOf(first)
  if (index === -1) {
    throw new DomainError(
      Reason.COURSE_NOT_FOUND,
      'A course run was taken out of the program while it was read.',
    )
  }
  return keys.slice(index)
}

type Page = { rows: readonly Row[]; token: string }

async function* openStream(
  { enrollment }: RowSources,
  task: ReadTask,
  pageToken: string,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const { kind, programKey, courseKey, includeAccounts } = task
  const courseId = courseKey ?? ''
  const options = callOptionsFor(task, signal)
  switch (kind) {
    case 'ListProgramEnrollments': {
      const request = { programKey, pageToken, limit, includeAccounts }
      for await (const page of enrollment.streamProgramEnrollments(request, options)) {
        yield { rows: page.enrollments, token: page.nextPageToken }
      }
      return
    }
    case 'ListCourseRunEnrollments':
    case 'ListAllCourseRunEnrollments': {
      const request = { programKey, courseId, pageToken, limit }
      for await (const page of enrollment.streamCourseEnrollments(request, options)) {
        yield { rows: page.enrollments, token: page.nextPageToken }
      }
      return
    }
    case 'GetCourseRunGrades': {
      const request = { programKey, courseId, pageToken, limit }
      for await (const page of enrollment.streamCourseGrades(request, options)) {
        yield { rows: page.grades, token: page.nextPageToken }
      }
    }
  }
}

/** A stream without any page has nothing to tell: the same as an empty last page. */
async function* withAnEnd(pages: AsyncGenerator<Page>): AsyncGenerator<Page> {
  let isEmpty = true
  for await (const page of pages) {
    isEmpty = false
    yield page
  }
  if (isEmpty) yield { rows: [], token: '' }
}
