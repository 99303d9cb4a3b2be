import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { HealthCheckResponse_ServingStatus as Status } from '#proto/health/v1/health_pb.ts'
import type { Clients } from '../clients.ts'

const healthSchema = Type.Object(
  {
    overall_status: Type.String(),
    detailed_status: Type.Object({ database_status: Type.String() }),
  },
  { examples: [{ overall_status: 'OK', detailed_status: { database_status: 'OK' } }] },
)

// The page takes no login: however often it is asked, the services are asked about once a second.
const rememberMs = 1_000

/** GET /health: whether every service says that it can serve, its database included, and this process is to stay. */
export function addHealth(app: FastifyInstance, { health }: Pick<Clients, 'health'>): void {
  let known: { answer: Promise<boolean>; until: number } | undefined
  const isHealthy = () => {
    if (known === undefined || Date.now() > known.until) {
      known = { answer: askAll(health), until: Date.now() + rememberMs }
    }
    return known.answer
  }

  app.route({
    method: ['GET', 'HEAD'],
    url: '/health',
    schema: {
      operationId: 'get_health',
      summary: 'Tell whether the system can serve',
      tags: ['operations'],
      security: [],
      response: {
        200: { ...healthSchema, description: 'It can.' },
        503: {
          ...healthSchema,
          description: 'It cannot.',
          examples: [{ overall_status: 'UNAVAILABLE', detailed_status: { database_status: 'UNAVAILABLE' } }],
        },
      },
    },
    handler: async (_request, reply) => {
      const status = !app.isLeaving && (await isHealthy()) ? 'OK' : 'UNAVAILABLE'
      if (status !== 'OK') reply.code(503).header('retry-after', '5')
      return { overall_status: status, detailed_status: { database_status: status } }
    },
  })
}

async function askAll(health: Clients['health']): Promise<boolean> {
  const answers = health.map((service) => service.check({ service: '' }, { timeoutMs: 2_000 }))
  try {
    return (await Promise.all(answers)).every(({ status }) => status === Status.SERVING)
  } catch {
    return false
  }
}
