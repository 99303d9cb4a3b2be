import { startTestStack, waitForJob, hasEnded } from '/work/main/services/jobs/src/testing/stack.ts'
import { JobKind, ResultFormat, JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
const t0=Date.now()
const stack = await startTestStack(JSON.parse(process.env.EXTRA ?? '{}'))
console.log('stack up', Date.now()-t0)
stack.peers.programs.set('p', { id: crypto.randomUUID(), discoveryUuid: crypto.randomUUID(), organizationKey: 'o', courses: {} })
const client = stack.as('partner')
const rss = (f='VmHWM') => Number(/(\d+)/.exec(readFileSync(`/proc/${stack.worker().pid}/status`,'utf8').split('\n').find(l=>l.startsWith(f))!)![1])/1024|0
const cpu=()=>{const f=readFileSync(`/proc/${stack.worker().pid}/stat`,'utf8').split(') ')[1]!.split(' '); return (Number(f[11])+Number(f[12]))*10}
console.log('worker rss at rest', rss('VmRSS'))
for (const [rows, times] of (JSON.parse(process.env.ROWS ?? '[[1,20],[1000,10],[10000,10],[100000,3],[1000000,2]]'))) {
  stack.peers.enrollment.rows = rows
  const all=[], accept=[]; const c0=cpu()
  for (let i=0;i<times;i++) {
    await sleep(150)
    const t=performance.now()
    const { job } = await client.createReadJob({ kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey: 'p', format: ResultFormat.JSON })
    accept.push(performance.now()-t)
    const t1=performance.now()
    const done = await waitForJob(client, job!.id)
    if (done.state !== JobState.SUCCEEDED || Number(done.progress!.rowsDone)!==rows) console.log(done)
    all.push(performance.now()-t1)
  }
  const med=(a:number[])=>a.toSorted((x,y)=>x-y)[a.length>>1]!.toFixed(0)
  console.log(String(rows).padStart(8), '202 after', med(accept), 'ms; then Succeeded p50', med(all), 'max', Math.max(...all).toFixed(0), 'ms; worker rss', rss('VmRSS'), 'peak', rss(), 'MiB; worker cpu per job', ((cpu()-c0)/times)|0, 'ms')
}
if (process.env.BURST) { stack.peers.enrollment.rows=1000; const t=performance.now(); const jobs=await Promise.all(Array.from({length:Number(process.env.BURST)},()=>client.createReadJob({ kind: JobKind.LIST_PROGRAM_ENROLLMENTS, programKey: 'p' }))); console.log('accepted', performance.now()-t|0); 
 for(;;){ const r=await stack.sql<any>("select count(*)::int n from jobs where state in ('PENDING','IN_PROGRESS','RETRYING')"); if(r[0].n===0)break; await sleep(20)}; console.log('burst done', performance.now()-t|0, 'ms peak', rss()) }
if (process.env.HOLD) await sleep(1e9)
await stack.stop()
process.exit()
