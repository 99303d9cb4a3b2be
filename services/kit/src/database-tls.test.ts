import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { withinCall } from './call-signal.ts'
import { openDatabase } from './database.ts'
import { createTestAuthority, type TestAuthority, writeCertificates } from './testing/certificates.ts'
import { startPostgres, type TestPostgres } from './testing/postgres.ts'

let postgres: TestPostgres
let authority: TestAuthority
let folder: string
let paths: Awaited<ReturnType<typeof writeCertificates>>

beforeAll(async () => {
  postgres = await startPostgres()
  authority = await createTestAuthority()
  folder = await mkdtemp(join(tmpdir(), 'registrar-tls-'))
  paths = await writeCertificates(folder, { ...(await authority.issue()), ca: authority.cert })
  await turnOnTls(await authority.issue())
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true })
})

// The server may run as another user, who has to own its files.
async function turnOnTls({ cert, key }: { cert: string; key: string }): Promise<void> {
  const admin = new pg.Client({ connectionString: postgres.url })
  await admin.connect()
  for (const [name, pem] of Object.entries({
    'server.crt': cert,
    'server.key': key,
    'root.crt': authority.cert,
  })) {
    const lines = `select unnest(string_to_array($$${pem}$$, chr(10)))`
    await admin.query(`copy (${lines}) to program 'umask 077; cat > ${name}'`)
  }
  await admin.query(`alter system set ssl_ca_file = 'root.crt'`)
  await admin.query('alter system set ssl = on')
  await admin.query('select pg_reload_conf()')
  await vi.waitUntil(async () => (await admin.query('show ssl')).rows[0].ssl === 'on', { timeout: 20_000 })
  await admin.end()
}

async function connectionWith(settings: string): Promise<unknown> {
  const database = openDatabase(`${postgres.url}?${settings}`, 'public', pino({ level: 'silent' }))
  try {
    const [rows] = await database.query('select ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()')
    return rows[0]
  } finally {
    await database.close()
  }
}

test('DATABASE_URL says whether TLS is spoken, whom to trust and what to show', async () => {
  const verify = `sslmode=verify-full&sslrootcert=${paths.ca}`
  expect(await connectionWith('')).toEqual({ ssl: false, client_dn: null })
  expect(await connectionWith(verify)).toEqual({ ssl: true, client_dn: null })
  const shown = `${verify}&sslcert=${paths.cert}&sslkey=${paths.key}`
  expect(await connectionWith(shown)).toEqual({ ssl: true, client_dn: '/CN=registrar' })
})

test('a server of an authority that is not trusted is refused', async () => {
  await expect(connectionWith('sslmode=verify-full')).rejects.toThrow('self-signed certificate')
})

test('a call that is given up ends its statement on a TLS connection, too', async () => {
  const url = `${postgres.url}?sslmode=verify-full&sslrootcert=${paths.ca}`
  const database = openDatabase(url, 'public', pino({ level: 'silent' }))
  try {
    await database.query('select 1')
    const call = new AbortController()
    const statement = withinCall(call.signal, () => database.query('select pg_sleep(60)'))
    setTimeout(() => call.abort(), 300)
    await expect(statement).rejects.toThrow('canceling statement')
  } finally {
    await database.close()
  }
})
