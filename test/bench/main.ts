/**
 * `npm run bench [lists] [writes] [read-jobs] [job-latency] [job-bursts] [job-storage] [edx] [--full]`: measures the running system and,
 * beside each figure, the least that the same work costs on this machine without it. `--full` adds a thousand jobs at once. Reports only;
 * nothing passes or fails by a time.
 */
import { cpus } from 'node:os'
import { createSchool } from '../fixtures/school.ts'
import { startTestStack } from '../fixtures/stack.ts'
import { connectWorld } from '../fixtures/world.ts'
import { measurements } from './measurements.ts'

const isFull = process.argv.includes('--full')
const asked = process.argv.slice(2).filter((argument) => argument !== '--full')
const unknown = asked.filter((name) => !(name in measurements))
if (unknown.length > 0) {
  console.error(
    `No measurement is called ${unknown.join(', ')}: there are ${Object.keys(measurements).join(', ')}.`,
  )
  process.exit(2)
}

const system = await startTestStack()
try {
  const world = await connectWorld(system.addresses)
  const school = await createSchool(world)
  const token = await school.partner('organization_read_write_enrollments')
  for (const name of ['masters-2', 'masters-3', 'masters-4', 'micro-2']) {
    await world.operator.catalog.createProgram({
      key: `${school.key}-${name}`,
      organizationKey: school.key,
      type: name.startsWith('masters') ? 'Masters' : 'MicroMasters',
    })
  }
  const databaseUrl = system.stack.env.DATABASE_URL ?? ''
  const context = { system, world, school, token, databaseUrl, isFull }

  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}; everything, load included, on this machine\n`,
  )
  console.log('| work | ours | floor | ours / floor |\n|---|---|---|---|')
  for (const [name, measure] of Object.entries(measurements)) {
    if (asked.length > 0 && !asked.includes(name)) continue
    for (const { work, ours, floor, ratio } of await measure(context)) {
      console.log(`| ${work} | ${ours} | ${floor} | ${ratio} |`)
    }
  }
} finally {
  await system.close()
}
process.exit()
