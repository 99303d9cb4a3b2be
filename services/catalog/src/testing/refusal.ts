import { fieldsOf, metadataOf, reasonOf } from '#kit/rpc-errors.ts'

/** How a call was refused, in our own vocabulary. Throws when it was not. */
export async function refusalOf(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => {
      throw new Error('the call was answered where a refusal was expected')
    },
    (caught) => caught,
  )
  return {
    reason: reasonOf(error),
    metadata: metadataOf(error),
    fields: fieldsOf(error).map(({ field }) => field),
    message: error instanceof Error && 'rawMessage' in error ? error.rawMessage : undefined,
  }
}
