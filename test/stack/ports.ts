import { connect, createServer } from 'node:net'
import { StackProblem } from './problem.ts'

/** A port that something of ours is going to listen on, and the setting that chooses it. */
export type PortClaim = { readonly setting: string; readonly host: string; readonly port: number }

/** Throws a StackProblem when two claims meet, a port is 0 or out of range, or something listens there already. */
export async function assertPortsFree(claims: readonly PortClaim[]): Promise<void> {
  const settings = new Map<number, string>()
  for (const { setting, port } of claims) {
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      throw new StackProblem(`${setting} is ${port}: set it to a port from 1 to 65535.`)
    }
    const other = settings.get(port)
    if (other !== undefined) {
      throw new StackProblem(`${setting} and ${other} are both ${port}: set one of them to another port.`)
    }
    settings.set(port, setting)
  }
  for (const claim of claims) await assertFree(claim)
}

/** Ports on which nothing listens now, no two alike, for stacks that tests start side by side. */
export async function findFreePorts(count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) {
    const port = firstTestPort + Math.floor(Math.random() * testPorts)
    if (handedOut.has(port)) continue
    handedOut.add(port)
    if ((await probe('127.0.0.1', port)) === undefined) found.push(port)
  }
  return found
}

// Below the range that kernels hand out to outgoing connections: a port found free stays free until it is listened on.
const firstTestPort = 20_000
const testPorts = 12_000
const handedOut = new Set<number>()

async function assertFree({ setting, host, port }: PortClaim): Promise<void> {
  const fault = await probe(host, port)
  if (fault === undefined) return
  if (fault === 'EADDRINUSE') {
    throw new StackProblem(
      `Port ${port} (${setting}) is in use: stop what listens there or set ${setting} to another port.`,
    )
  }
  throw new StackProblem(
    `Port ${port} (${setting}) on ${host} cannot be listened on (${fault}): set ${setting} to another port.`,
  )
}

/** The error code that listening there would end in; undefined when it would not. */
async function probe(host: string, port: number): Promise<string | undefined> {
  const fault = await listenFault(host, port)
  if (fault !== undefined) return fault
  // Some systems let a second process listen on an address that another one covers with 0.0.0.0.
  const target = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return (await answers(target, port)) ? 'EADDRINUSE' : undefined
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}

function listenFault(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
