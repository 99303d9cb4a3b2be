import Type from 'typebox'

/** What a write may be sent with, so that it can be sent again. */
export const idempotencyHeaders = Type.Object({
  'Idempotency-Key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[ -~]+$',
      description:
        'A key of your own for this request, such as a UUID. Sent again with the same key within 24 hours, the request is answered ' +
        'as it was the first time and does nothing more. Requests that were refused, or failed, may be sent again with the same key.',
    }),
  ),
})

/** What an answer to a write carries when the write was done for an earlier request. */
export const replayedHeaders = {
  'Idempotency-Replayed': {
    type: 'string',
    description: '`true` when this is the answer to an earlier request with the same Idempotency-Key.',
  },
}
