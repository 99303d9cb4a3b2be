import { startFakeServices } from './gateway/src/testing/fake-services.ts'
import { createTestTokens } from './services/kit/src/testing/tokens.ts'
import { writeFileSync } from 'node:fs'
const tokens = await createTestTokens()
const p = Object.fromEntries([1,2,3,4,5,6].map(i=>['p'+i,{key:'program-'+i,title:'Program '+i,url:'https://x/'+i,type:'Masters'}]))
const calls:any=[]; calls.push=()=>0
const s = await startFakeServices({users:{owner:{permissions:[1,2,3,4]}},programs:p,courseRuns:[],jobs:{},results:[],reports:[],object:async function*(){},failures:{},calls} as any, tokens.config)
writeFileSync('/tmp/bench/env.json', JSON.stringify({peers:s.peers, jwks: tokens.config.jwks, token: await tokens.mint({preferred_username:'owner'}), service: tokens.config.servicePublicJwk}))
console.log('ok')
