import { type DiscoveryStandIn, describeProgram, startDiscovery } from './discovery.ts'
import { type LmsStandIn, startLms } from './lms.ts'

/** An Open edX installation as far as Registrar sees one. */
export type Edx = {
  lms: LmsStandIn
  discovery: DiscoveryStandIn
  /** The settings with which Registrar works against it, keeping its own keys for callers' tokens. */
  settings: Record<string, string>
  /** The settings with which it also takes the LMS's tokens from callers. */
  tokenSettings: Record<string, string>
  /** Makes a program known to both. */
  addProgram(program: Parameters<typeof describeProgram>[0]): void
  close(): Promise<void>
}

export const defaultEdxPorts = { lms: 18_760, discovery: 18_761 }

/** Starts both stand-ins on 127.0.0.1, on free ports unless told which. */
export async function startEdx(ports: { lms?: number; discovery?: number } = {}): Promise<Edx> {
  const lms = await startLms(ports.lms)
  const discovery = await startDiscovery(lms.tokens, ports.discovery)
  const { client, issuer, audience } = lms.tokens
  return {
    lms,
    discovery,
    settings: {
      LMS_BASE_URL: lms.url,
      DISCOVERY_BASE_URL: discovery.url,
      BACKEND_SERVICE_EDX_OAUTH2_KEY: client.key,
      BACKEND_SERVICE_EDX_OAUTH2_SECRET: client.secret,
    },
    tokenSettings: {
      JWT_JWKS_URL: `${lms.url}/oauth2/.well-known/jwks.json`,
      JWT_ISSUER: issuer,
      JWT_AUDIENCE: audience,
    },
    addProgram(program) {
      discovery.programs.set(program.uuid, describeProgram(program))
      lms.state.addProgram(
        program.uuid,
        program.courseRuns.map(({ key }) => key),
      )
    },
    async close() {
      await lms.close()
      await discovery.close()
    },
  }
}
