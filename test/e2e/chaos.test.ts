import { expect, test } from 'vitest'
import { runChaos } from '../fixtures/chaos.ts'
import { patience } from '../fixtures/stack.ts'

const seed = Number(process.env.CHAOS_SEED ?? 20261124)

test(
  'every process is killed with -9 while a hundred jobs run: all jobs end, once, and whole',
  async () => {
    console.log(`CHAOS_SEED=${seed}`)
    const { report, victimNames, faults, kills, accepted } = await runChaos({
      seed,
      windowMs: 30_000,
      settleMs: 90_000 * patience,
      load: { reads: 60, programUploads: 25, courseUploads: 15 },
    })
    console.log(report)

    expect(faults).toEqual([])
    const killed = new Set(kills.filter(({ hit }) => hit).map(({ name }) => name))
    expect([...killed].toSorted()).toEqual(victimNames.toSorted())
    // The hundred, and one more to each of the six programs that are written to.
    expect(accepted).toBe(106)
  },
  240_000 * patience,
)
