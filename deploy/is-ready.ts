// node deploy/is-ready.ts URL: ends with 0 when it answers 200, for the health checks of docker-compose.yml.
const [, , url = ''] = process.argv
const { ok } = await fetch(url, { signal: AbortSignal.timeout(4_000) })
process.exit(ok ? 0 : 1)
