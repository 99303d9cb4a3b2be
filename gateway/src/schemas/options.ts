import Type from 'typebox'
import { callerFaults, methodFault } from './errors.ts'

/** OPTIONS, and every method that a path does not have. */
export const optionsSchema = {
  hide: true,
  response: {
    200: Type.Object({
      name: Type.String(),
      description: Type.String(),
      renders: Type.Array(Type.String()),
      parses: Type.Array(Type.String()),
    }),
    ...callerFaults,
    ...methodFault,
  },
}
