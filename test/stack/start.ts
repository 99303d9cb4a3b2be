import { describeStack } from './banner.ts'
import { runStack } from './run-stack.ts'
import { readStackSettings } from './settings.ts'

// What `npm start` runs: the whole system on this machine, until Ctrl-C or SIGTERM.
const { env } = process
await runStack(async () => ({ env, demo: readStackSettings(env).isDemoWanted, describe: describeStack }))
