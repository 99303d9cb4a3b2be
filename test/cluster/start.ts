import { describeStack } from '#stack/banner.ts'
import { runStack } from '#stack/run-stack.ts'
import { readStackSettings } from '#stack/settings.ts'
import { startCluster } from './cluster.ts'

// What `npm run start:cluster` runs: the topology of docker-compose.yml on this machine, until Ctrl-C or SIGTERM.
await runStack(async () => {
  const env = { REGISTRAR_DATA_DIR: '.registrar/cluster', ...process.env }
  return {
    ...{ env, demo: readStackSettings(env).isDemoWanted, start: startCluster },
    describe: (stack) => describeStack(stack),
  }
})
