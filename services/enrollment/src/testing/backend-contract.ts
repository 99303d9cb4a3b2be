import { beforeEach } from 'vitest'
import { testAudit } from './backend-contract-audit.ts'
import { testReading } from './backend-contract-reads.ts'
import { testWriting } from './backend-contract-writes.ts'
import type { BackendUnderTest, ContractProgram, Places } from './backend-driver.ts'

/** What every backend does alike. */
export function testBackendContract(underTest: () => BackendUnderTest): void {
  const places = {} as Places

  beforeEach(async () => {
    const [at, sibling] = (await underTest().makePrograms(2)) as [ContractProgram, ContractProgram]
    Object.assign(places, { at, sibling })
  })

  testWriting(underTest, places)
  testReading(underTest, places)
  testAudit(underTest, places)
}
