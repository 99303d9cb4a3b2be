import Type, { type TSchema } from 'typebox'
import { courseStaffText, notFoundText, notPermittedText } from '../http-errors.ts'

function detailOf(description: string, ...texts: string[]): TSchema {
  return Type.Object(
    { detail: Type.String() },
    { description, examples: texts.map((detail) => ({ detail })) },
  )
}

const validation = Type.Array(Type.String(), { minItems: 1, maxItems: 1 })

/** What any route that wants a caller may answer beside its success. */
export const callerFaults = {
  400: {
    ...validation,
    description: 'A value that cannot be used.',
    examples: [['expected min_created_date to be a date of the form YYYY-MM-DD']],
  },
  401: detailOf(
    'No valid token.',
    'Authentication credentials were not provided.',
    'Invalid token.',
    'JWT must include a preferred_username or username claim!',
    'User inactive or deleted.',
  ),
  403: detailOf('Not permitted.', notPermittedText),
  404: detailOf('Nothing there, or nothing for the query given.', notFoundText),
  406: detailOf('No acceptable form.', 'Could not satisfy the request Accept header.'),
  408: detailOf('The request did not arrive in time.', 'The request did not arrive in time.'),
  429: {
    ...detailOf(
      'Too many requests; Retry-After says when to come back.',
      'Request was throttled. Expected available in 42 seconds.',
    ),
    headers: { 'Retry-After': { type: 'string', description: 'When to come back, in seconds.' } },
  },
  500: detailOf('A fault of ours; tell us the X-Request-ID.', 'Internal server error.'),
  502: detailOf(
    'The learning platform failed; Retry-After says when to come back.',
    'The learning platform answered with an error, try again later.',
  ),
  503: detailOf(
    'A part of the system is away; Retry-After says when to come back.',
    'Service temporarily unavailable, try again later.',
  ),
  504: detailOf(
    'Something took too long; Retry-After says when to come back.',
    'The request took too long, try again later.',
  ),
} as const

/** What a route that nobody needs to log in for may answer beside its success. */
export const anonymousFaults = {
  404: callerFaults[404],
  500: callerFaults[500],
  503: callerFaults[503],
  504: callerFaults[504],
} as const

export const methodFault = {
  405: detailOf('A method that this path does not have.', 'Method "DELETE" not allowed.'),
} as const

export const jobEndedFault = { 409: detailOf('The job has ended.', 'The job has ended already.') } as const

export const unwritableFault = detailOf(
  'The program has no active curriculum, or the Idempotency-Key was used for another request.',
  'The program has no active curriculum, so nobody can be enrolled in it.',
  'This Idempotency-Key was used before with another request.',
)

export const writeFaults = {
  400: Type.Union([validation, Type.Object({ detail: Type.String() })], {
    description: 'A body that cannot be used: an array with one text; an object where it is not JSON at all.',
    examples: [
      ['expected request body type: List'],
      ['expected items in request to be of type Dict'],
      ['expected request dicts to have string value for "student_key"'],
      ['expected request dicts to have string value for "status"'],
      ['expected request dicts to have boolean value for "course_staff"'],
      { detail: 'JSON parse error - Expecting value: line 1 column 1 (char 0)' },
    ],
  }),
  403: detailOf('Not permitted.', notPermittedText, courseStaffText),
  409: detailOf(
    'A request with the same Idempotency-Key is being worked on; Retry-After says when to come back.',
    'A request with this Idempotency-Key is being worked on.',
  ),
  413: detailOf('More than 25 learners, or too many bytes.', 'Enrollment limit 25'),
  415: detailOf('A body that is not JSON.', 'Unsupported media type "text/plain" in request.'),
} as const

export const uploadFaults = {
  400: Type.Union([validation, Type.Object({ detail: Type.String() })], {
    description: 'No file, or a CSV that breaks a rule: then an array with one text.',
    examples: [
      { detail: 'No file content uploaded' },
      ['CSV is missing headers [status, student_key]'],
      ['CSV is missing data at row #1. Required fields are [student_key, status].'],
    ],
  }),
  409: Type.String({
    description: 'Another upload to the program has not ended.',
    examples: ['Job already in progress for program'],
  }),
  413: detailOf('Too large.', 'Upload too large. Must be under 5242880 bytes'),
  415: detailOf('Not a form.', 'Unsupported media type "application/json" in request.'),
  422: unwritableFault,
} as const
