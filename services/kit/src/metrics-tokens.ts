import { Counter } from 'prom-client'
import type { Metrics } from './metrics.ts'
import { reasonNameOf } from './rpc-errors.ts'
import type { TokenVerifier } from './tokens.ts'

/** The same verifier; what it refuses is counted by reason. */
export function countRefusedTokens({ registry }: Metrics, verifier: TokenVerifier): TokenVerifier {
  const refusals = new Counter({
    name: 'registrar_token_refusals_total',
    help: 'Requests and RPCs whose token was refused, or could not be verified, by reason.',
    labelNames: ['reason'],
    registers: [registry],
  })
  return {
    verify: (authorization) =>
      verifier.verify(authorization).catch((error: unknown) => {
        refusals.inc({ reason: reasonNameOf(error) ?? 'INTERNAL' })
        throw error
      }),
  }
}
