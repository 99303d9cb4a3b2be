/**
 * `npm run bench [lists] [writes] [read-jobs] [job-latency] [job-bursts] [job-storage] [edx] [floors] [load] [--full]`: measures the running
 * system and, beside each figure, the least that the same work costs on this machine without it. `--full` adds a thousand jobs at once. Reports only;
 * nothing passes or fails by a time.
 */
import { cpus } from 'node:os'
import { lastingPrograms, metricsPortOf } from '#stack/environment.ts'
import { findFreePorts } from '#stack/ports.ts'
import { startTestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'
import { createListedSchool } from './context.ts'
import { measurements, profiles } from './measurements.ts'
import { printTable } from './tables.ts'

const isFull = process.argv.includes('--full')
const asked = process.argv.slice(2).filter((argument) => argument !== '--full')
const names = [...Object.keys(measurements), ...Object.keys(profiles)]
const unknown = asked.filter((name) => !names.includes(name))
const isAsked = (name: string) => asked.length === 0 || asked.includes(name)
if (unknown.length > 0) {
  console.error(`No measurement is called ${unknown.join(', ')}: there are ${names.join(', ')}.`)
  process.exit(2)
}

const metricsPorts = await findFreePorts(lastingPrograms.length)
const system = await startTestStack(
  Object.fromEntries(
    lastingPrograms.map((name, index) => [metricsPortOf(name), String(metricsPorts[index])]),
  ),
)
try {
  const world = await connectWorld(system.addresses)
  const { school, token } = await createListedSchool(world)
  const databaseUrl = system.stack.env.DATABASE_URL ?? ''
  const context = { system, world, school, token, databaseUrl, isFull }

  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}; everything, load included, on this machine\n`,
  )
  if (Object.keys(measurements).some(isAsked)) {
    console.log('| work | ours | floor | ours / floor |\n|---|---|---|---|')
  }
  for (const [name, measure] of Object.entries(measurements)) {
    if (!isAsked(name)) continue
    for (const { work, ours, floor, ratio } of await measure(context)) {
      console.log(`| ${work} | ${ours} | ${floor} | ${ratio} |`)
    }
  }
  for (const [name, measure] of Object.entries(profiles)) {
    if (!isAsked(name)) continue
    for (const table of await measure(context)) printTable(table)
  }
} finally {
  await system.close()
}
process.exit()
