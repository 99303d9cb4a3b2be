import { defaultEdxPorts, startEdx } from './edx.ts'

// The stand-ins alone: `EDX_LMS_PORT=… EDX_DISCOVERY_PORT=… node test/edx/main.ts`. They know nothing until they are told by /_control.
// Forked, they tell their settings in a message.
const portOf = (name: string, fallback: number) => Number(process.env[name] || fallback)
const edx = await startEdx({
  lms: portOf('EDX_LMS_PORT', defaultEdxPorts.lms),
  discovery: portOf('EDX_DISCOVERY_PORT', defaultEdxPorts.discovery),
})
for (const [name, value] of Object.entries({ ...edx.settings, ...edx.tokenSettings })) {
  console.log(`${name}=${value}`)
}
process.send?.({ settings: edx.settings, tokenSettings: edx.tokenSettings })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => edx.close())
process.once('disconnect', () => edx.close())
