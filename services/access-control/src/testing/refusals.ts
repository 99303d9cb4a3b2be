import { ConnectError } from '@connectrpc/connect'
import { fieldsOf, reasonOf } from '#kit/rpc-errors.ts'
import { ReasonSchema } from '#proto/registrar/errors/v1/reason_pb.ts'

/** How a call was refused. `fields` are those that the refusal says are wrong. */
export type Refusal = { reason?: string; message: string; fields: string[] }

/** How a call is refused; rejects when it is not. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => {
      throw new Error('the call was not refused')
    },
    (refusal: unknown) => refusal,
  )
  const reason = reasonOf(error)
  if (reason === undefined) throw error
  return {
    reason: ReasonSchema.value[reason]?.localName,
    message: ConnectError.from(error).rawMessage,
    fields: fieldsOf(error).map(({ field }) => field),
  }
}

export async function reasonFor(call: Promise<unknown>): Promise<string | undefined> {
  return (await refusalOf(call)).reason
}
