/** Why a call to a part of this system failed, when it was no fault of the call's: worth trying again. */
export type Outage = 'away' | 'busy' | 'timeout'

// SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
const awayStates = /^(08...|53...|57P0[1-5]|25006|58...)$/
const busyStates = /^(40001|40P01|55P03)$/
const timeoutStates = /^(57014|25P03)$/
const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
// pg has no code for these.
const awayMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout expired|timeout exceeded when trying to connect)/

/**
 * Sorts an error of Sequelize, pg or a socket, looking through the errors that each wraps around the other's; undefined when
 * it is a fault of ours.
 *
 * It goes by names and codes, so that a process without a database need not load Sequelize.
 */
export function outageOf(error: unknown): Outage | undefined {
  const seen = new Set<unknown>()
  let current = error
  while (current instanceof Error && !seen.has(current)) {
    seen.add(current)
    const outage = outageOfOne(current)
    if (outage !== undefined) return outage
    current = innerOf(current)
  }
  return undefined
}

function outageOfOne(error: Error): Outage | undefined {
  if (/^Sequelize(Connection|Host|AccessDenied|InvalidConnection)/.test(error.name)) return 'away'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Only errors of PostgreSQL have a severity.
  if ('severity' in error) {
    if (awayStates.test(code)) return 'away'
    if (busyStates.test(code)) return 'busy'
    if (timeoutStates.test(code)) return 'timeout'
    return undefined
  }
  return socketCodes.has(code) || awayMessages.test(error.message) ? 'away' : undefined
}

function innerOf(error: Error): unknown {
  if ('original' in error && error.original !== error) return error.original
  if ('parent' in error && error.parent !== error) return error.parent
  // A refused connection to a name with several addresses.
  if (error instanceof AggregateError && error.cause === undefined) return error.errors[0]
  return error.cause
}
