import fastify from 'fastify'
import pg from 'pg'

// The least that a list can cost here: one process, one route, one query, no token, no hop. Told what to do by its arguments.
const [port, databaseUrl, statement] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
const app = fastify()
app.get('/', async () => (await pool.query(statement as string)).rows)
await app.listen({ host: '127.0.0.1', port: Number(port) })
process.send?.('ready')
process.on('disconnect', () => process.exit())
