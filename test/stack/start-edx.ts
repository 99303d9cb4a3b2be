import { readConfig } from '#kit/config.ts'
import { port } from '#kit/settings.ts'
import { startDemoEdx } from '../edx/demo.ts'
import { defaultEdxPorts } from '../edx/edx.ts'
import { describeStack } from './banner.ts'
import { assertPortsFree } from './ports.ts'
import { runStack } from './run-stack.ts'

// What `npm run start:edx` runs: the whole system beside an LMS and a Discovery that are played, with the demo data in those.
await runStack(async () => {
  const { env } = process
  const { EDX_LMS_PORT: lms, EDX_DISCOVERY_PORT: discovery } = readConfig(env, {
    EDX_LMS_PORT: port(defaultEdxPorts.lms),
    EDX_DISCOVERY_PORT: port(defaultEdxPorts.discovery),
  })
  const host = '127.0.0.1'
  await assertPortsFree([
    { setting: 'EDX_LMS_PORT', host, port: lms },
    { setting: 'EDX_DISCOVERY_PORT', host, port: discovery },
  ])
  const { edx, fill, mintToken } = await startDemoEdx({ lms, discovery })
  return {
    env: { REGISTRAR_DATA_DIR: '.registrar/edx', ...env, ...edx.settings, ...edx.tokenSettings },
    demo: false,
    async describe(stack) {
      await fill(stack)
      const places: [string, string][] = [
        ['LMS (played)', edx.lms.url],
        ['Discovery (played)', edx.discovery.url],
      ]
      return describeStack(stack, { mintToken, places })
    },
    close: () => edx.close(),
  }
})
