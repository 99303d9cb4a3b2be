import { randomUUID } from 'node:crypto'
import { test } from 'vitest'
import { startTestEnrollment } from './testing/enrollment.ts'
test('m', async () => {
  const e = await startTestEnrollment(); const c = e.as('p'); const programKey = e.makeProgram()
  const call = (key?: string) => c.writeProgramEnrollments({ programKey, mode: 3, enrollments: Array.from({length:25},(_, i)=>({studentKey:`s${i}`,status:'enrolled'})) }, key ? { headers: {'idempotency-key': key}} : {})
  const run = async (name: string, key: () => string | undefined) => { for (let i=0;i<50;i++) await call(key()); const t: number[]=[]; for (let i=0;i<300;i++){const s=performance.now(); await call(key()); t.push(performance.now()-s)}; t.sort((a,b)=>a-b); console.log(name, 'p50', t[150]!.toFixed(2), 'p99', t[296]!.toFixed(2)) }
  for (let r=0;r<2;r++){ await run('no key', () => undefined); await run('new key', () => randomUUID()); await run('replay', () => 'k') }
  await e.stop()
})
