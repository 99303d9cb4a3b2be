import { startEdx } from './edx.ts'

// The stand-ins alone: `EDX_LMS_PORT=… EDX_DISCOVERY_PORT=… node test/edx/main.ts`. They know nothing until they are told by /_control.
const portOf = (name: string, fallback: number) => Number(process.env[name] || fallback)
const edx = await startEdx({
  lms: portOf('EDX_LMS_PORT', 18_760),
  discovery: portOf('EDX_DISCOVERY_PORT', 18_761),
})
for (const [name, value] of Object.entries({ ...edx.settings, ...edx.tokenSettings })) {
  console.log(`${name}=${value}`)
}
process.send?.('ready')
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => edx.close())
process.once('disconnect', () => edx.close())
