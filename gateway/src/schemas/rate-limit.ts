/** The part of an OpenAPI document that tells answers. */
type Document = {
  paths?: Record<string, Record<string, { responses?: Record<string, Response> }> | undefined>
}
type Response = { headers?: Record<string, unknown> }

const rateLimitHeaders = {
  RateLimit: {
    description: 'Where a limit is set: requests left (`r`), and seconds until there are all again (`t`).',
    schema: { type: 'string' },
    example: '"default";r=99;t=60',
  },
  'RateLimit-Policy': {
    description: 'Where a limit is set: how many requests (`q`) in how many seconds (`w`).',
    schema: { type: 'string' },
    example: '"default";q=100;w=60',
  },
}

/** Adds the headers that all answers have to requests which count for their sender: those that may be answered with 429. */
export function declareRateLimit<D extends object>(document: D): D {
  const operations = Object.values((document as Document).paths ?? {}).flatMap((item) =>
    Object.values(item ?? {}),
  )
  for (const { responses = {} } of operations) {
    if (!('429' in responses)) continue
    for (const response of Object.values(responses)) {
      response.headers = { ...response.headers, ...rateLimitHeaders }
    }
  }
  return document
}
