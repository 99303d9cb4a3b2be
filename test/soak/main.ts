/**
 * `npm run soak`: kills the processes of a whole system with -9 for SOAK_MINUTES (10) while jobs run, and tells what came of it.
 * CHAOS_SEED makes a run come again. Ends with 1 when a promise was broken.
 */
import { runChaos } from '../fixtures/chaos.ts'

const minutes = Number(process.env.SOAK_MINUTES || 10)
// A partner's token is good for an hour.
if (!(Number.isInteger(minutes) && minutes > 0 && minutes <= 50)) {
  console.error(
    'SOAK_MINUTES has to be a whole number from 1 to 50: set it to so many minutes, or leave it out for 10.',
  )
  process.exit(2)
}
const seed = Number(process.env.CHAOS_SEED || Date.now() % 1_000_000)
console.log(`CHAOS_SEED=${seed}: killing for ${minutes} minutes`)

const { report, faults } = await runChaos({
  seed,
  windowMs: minutes * 60_000,
  settleMs: 120_000,
  load: { reads: 90 * minutes, programUploads: 38 * minutes, courseUploads: 22 * minutes },
  tell: (line) => console.log(line),
})
console.log(report)
process.exit(faults.length === 0 ? 0 : 1)
