import { readFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import autocannon from 'autocannon'
const e = JSON.parse(readFileSync('/tmp/bench/env.json','utf8'))
const port='19734'
const env={...process.env, NODE_ENV:'test', GATEWAY_PORT:port, JWT_ISSUER:'test-issuer', JWT_AUDIENCE:'test-audience', JWT_PUBLIC_SIGNING_JWK_SET:JSON.stringify(e.jwks), SERVICE_PUBLIC_KEY: JSON.stringify(e.service), ACCESS_CONTROL_URL:e.peers['access-control'], CATALOG_URL:e.peers.catalog, ENROLLMENT_URL:e.peers.enrollment, JOBS_URL:e.peers.jobs, REGISTRAR_DATA_DIR:'/tmp/bench/data'}
const child = spawn(process.execPath, [...(process.env.PROF?['--cpu-prof','--cpu-prof-dir=/tmp/bench']:[]),'gateway/src/main.ts'], {env, stdio:['ignore',process.env.SHOW?'inherit':'ignore','inherit']})
const t=performance.now()
for(;;){ try{ const r=await fetch(`http://127.0.0.1:${port}/health`); if(r.ok)break }catch{} await new Promise(r=>setTimeout(r,20)) }
console.log('ready after', Math.round(performance.now()-t),'ms')
console.log('rss MB', Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`,'utf8'))![1])/1024)
const run=(path:string,connections:number)=>autocannon({url:`http://127.0.0.1:${port}${path}`,connections,duration:5,headers:{authorization:'JWT '+e.token}})
await run('/api/v1/programs',8)
for (const path of ['/api/v1/programs','/health']) for (const c of [1,8,32]) { const r=await run(path,c); console.log(path,c,'conns', r.requests.average,'rps p50',r.latency.p50,'p99',r.latency.p99,'non2xx',r.non2xx) }
console.log('rss MB', Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`,'utf8'))![1])/1024)
for (let i=0;i<6;i++){ await run('/api/v1/programs',32); console.log('rss MB', Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`,'utf8'))![1])/1024) }
child.kill('SIGTERM'); await new Promise(r=>child.on('exit',r)); console.log('exit', child.exitCode)
