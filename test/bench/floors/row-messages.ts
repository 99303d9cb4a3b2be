import { create } from '@bufbuild/protobuf'
import { StreamProgramEnrollmentsResponseSchema } from '#proto/registrar/enrollment/v1/enrollment_service_pb.ts'

export const rowsOfMessage = 500
const messages = 200

/** A stream of 100,000 rows. */
export const rowMessages = Array.from({ length: messages }, (_, page) =>
  create(StreamProgramEnrollmentsResponseSchema, {
    enrollments: Array.from({ length: rowsOfMessage }, (_, index) => ({
      studentKey: `learner-${String(page * rowsOfMessage + index).padStart(8, '0')}`,
      status: 'enrolled',
      accountExists: index % 2 === 0,
    })),
    nextPageToken: String(page),
  }),
)
