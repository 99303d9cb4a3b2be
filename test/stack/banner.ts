import { demoMasters, demoPartner } from './demo-data.ts'
import type { Stack } from './stack.ts'

/** What is told of a system that does not make its own tokens and demo data. */
type Surroundings = {
  /** More places to look at. */
  places: readonly [name: string, place: string][]
  /** A token for a partner of the demo, good until `exp`. */
  mintToken(username: string, exp: number): Promise<string>
}

/** What a person wants to know of a system that has just started: where things are, and commands to paste. */
export async function describeStack(stack: Stack, surroundings?: Surroundings): Promise<string> {
  const { gateway } = stack.urls
  const places = [
    ['Gateway', gateway],
    ['API documentation', `${gateway}/api-docs/`],
    ...(stack.temporalUiUrl === undefined ? [] : [['Temporal UI', stack.temporalUiUrl]]),
    ...(surroundings?.places ?? []),
    ['Data', stack.settings.dataDir],
  ]
  const list = places.map(([name, place]) => `  ${name?.padEnd(18)} ${place}`).join('\n')
  return `\nRegistrar is ready.\n\n${list}\n\n${await describeFirstSteps(stack, surroundings?.mintToken)}\n\nCtrl-C stops everything. Warnings appear here; LOG_LEVEL=info shows every request.\n`
}

const tokenLifetimeSeconds = 24 * 3600

async function describeFirstSteps(
  stack: Stack,
  mintToken: Surroundings['mintToken'] | undefined,
): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + tokenLifetimeSeconds
  if (mintToken !== undefined) return demoSteps(stack, await mintToken(demoPartner, exp))
  if (!stack.settings.areTokensOurs) {
    return '  JWT_* names keys of your own: call the gateway with a token from where those keys are.'
  }
  if (!stack.hasDemo) {
    return '  npx registrar --help     makes organizations, programs and users; `npx registrar token USERNAME` a token'
  }
  return demoSteps(stack, await stack.mintToken(demoPartner, { exp }))
}

function demoSteps(stack: Stack, token: string): string {
  const api = `${stack.urls.gateway}/api/v1`
  const curl = 'curl -sS -H "Authorization: JWT $TOKEN"'
  return `  A partner's token, good for a day, the partner's programs, and the learners of one as a job:

TOKEN=${token}
${curl} ${api}/programs
JOB=$(${curl} "${api}/programs/${demoMasters.key}/enrollments?fmt=csv" | grep -o 'http[^"]*'); echo $JOB
${curl} $JOB`
}
