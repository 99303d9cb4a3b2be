/**
 * `npm run soak`: shakes a whole system for SOAK_MINUTES (10) and tells what came of it. By default it kills the processes with -9
 * while jobs run; `npm run soak -- connections` breaks the connections to the services in every way while callers read.
 * CHAOS_SEED makes a run come again. Ends with 1 when a promise was broken.
 */
import { runChaos } from '../fixtures/chaos.ts'
import { runConnectionFaults } from '../fixtures/connection-faults.ts'

const what = process.argv[2] ?? 'kills'
const minutes = Number(process.env.SOAK_MINUTES || 10)
// A partner's token is good for an hour.
if (!(Number.isInteger(minutes) && minutes > 0 && minutes <= 50)) {
  console.error(
    'SOAK_MINUTES has to be a whole number from 1 to 50: set it to so many minutes, or leave it out for 10.',
  )
  process.exit(2)
}
const seed = Number(process.env.CHAOS_SEED || Date.now() % 1_000_000)
const windowMs = minutes * 60_000
const tell = (line: string) => console.log(line)

const soaks: Record<string, () => Promise<{ report: string; faults: readonly string[] }>> = {
  kills: () =>
    runChaos({
      seed,
      windowMs,
      settleMs: 120_000,
      load: { reads: 90 * minutes, programUploads: 38 * minutes, courseUploads: 22 * minutes },
      tell,
    }),
  connections: () => runConnectionFaults({ seed, windowMs, tell }),
}
const soak = soaks[what]
if (soak === undefined) {
  console.error(`There is no soak ${what}: name ${Object.keys(soaks).join(' or ')}.`)
  process.exit(2)
}
console.log(`CHAOS_SEED=${seed}: ${what} for ${minutes} minutes`)
const { report, faults } = await soak()
console.log(report)
process.exit(faults.length === 0 ? 0 : 1)
