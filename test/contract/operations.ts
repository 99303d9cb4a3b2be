/** An OpenAPI document, as far as the tests read it. */
export type ApiDocument = { openapi: string; paths: Record<string, Record<string, ApiOperation>> }

export type JsonSchema = Record<string, unknown> & {
  examples?: unknown[]
  items?: JsonSchema
  anyOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
}

export type ApiOperation = {
  summary?: string
  tags?: string[]
  security?: unknown[]
  parameters?: { name: string; in: 'path' | 'query' | 'header'; description?: string; schema: JsonSchema }[]
  requestBody?: { content: Record<string, ApiMedia> }
  responses: Record<string, ApiResponse>
}

export type ApiResponse = { description?: string; content?: Record<string, ApiMedia> }

export type ApiMedia = {
  schema: JsonSchema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

export type Operation = {
  method: string
  path: string
  operation: ApiOperation
  responses: ApiOperation['responses']
}

export function operationsOf(document: ApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
      responses: operation.responses,
    })),
  )
}

/** The examples of a body: of the whole, or of its parts, each with the schema that it is an example of. */
export function examplesOf({
  schema,
  example,
  examples,
}: ApiMedia): { schema: JsonSchema; value: unknown }[] {
  const ofWhole = [
    ...(example === undefined ? [] : [example]),
    ...Object.values(examples ?? {}).map(({ value }) => value),
  ]
  return [...ofWhole.map((value) => ({ schema, value })), ...examplesIn(schema)]
}

function examplesIn(schema: JsonSchema): { schema: JsonSchema; value: unknown }[] {
  const { examples = [], items, anyOf = [], properties = {} } = schema
  const parts = [items, ...anyOf, ...Object.values(properties)].filter((part) => part !== undefined)
  return [...examples.map((value) => ({ schema, value })), ...parts.flatMap(examplesIn)]
}
