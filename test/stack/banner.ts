import { demoMasters, demoPartner } from './demo-data.ts'
import type { Stack } from './stack.ts'

/** What a person wants to know of a system that has just started: where things are, and commands to paste. */
export async function describeStack(stack: Stack): Promise<string> {
  const { gateway } = stack.urls
  const places = [
    ['Gateway', gateway],
    ['API documentation', `${gateway}/api-docs/`],
    ...(stack.temporalUiUrl === undefined ? [] : [['Temporal UI', stack.temporalUiUrl]]),
    ['Data', stack.settings.dataDir],
  ]
  const list = places.map(([name, place]) => `  ${name?.padEnd(18)} ${place}`).join('\n')
  return `\nRegistrar is ready.\n\n${list}\n\n${await describeFirstSteps(stack)}\n\nCtrl-C stops everything. Warnings appear here; LOG_LEVEL=info shows every request.\n`
}

const tokenLifetimeSeconds = 24 * 3600

async function describeFirstSteps(stack: Stack): Promise<string> {
  if (!stack.settings.areTokensOurs) {
    return '  JWT_* names keys of your own: call the gateway with a token from where those keys are.'
  }
  if (!stack.hasDemo) {
    return '  npx registrar --help     makes organizations, programs and users; `npx registrar token USERNAME` a token'
  }
  const exp = Math.floor(Date.now() / 1000) + tokenLifetimeSeconds
  const token = await stack.mintToken(demoPartner, { exp })
  const api = `${stack.urls.gateway}/api/v1`
  const curl = 'curl -sS -H "Authorization: JWT $TOKEN"'
  return `  A partner's token, good for a day, the partner's programs, and the learners of one as a job:

TOKEN=${token}
${curl} ${api}/programs
JOB=$(${curl} "${api}/programs/${demoMasters.key}/enrollments?fmt=csv" | grep -o 'http[^"]*'); echo $JOB
${curl} $JOB`
}
