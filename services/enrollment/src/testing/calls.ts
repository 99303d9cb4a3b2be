import { ConnectError } from '@connectrpc/connect'
import { fieldsOf, reasonOf } from '#kit/rpc-errors.ts'

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
    fields: fieldsOf(error).map(({ field }) => field),
    message:
      error instanceof ConnectError ? error.rawMessage : error instanceof Error ? error.message : undefined,
  }
}

/** Everything that a stream yields. */
export async function collect<Message>(stream: AsyncIterable<Message>): Promise<Message[]> {
  const messages: Message[] = []
  for await (const message of stream) messages.push(message)
  return messages
}
