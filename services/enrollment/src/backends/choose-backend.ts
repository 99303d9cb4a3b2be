import type { Sequelize } from 'sequelize'
import type { Logger } from '#kit/logger.ts'
import type { Metrics } from '#kit/metrics.ts'
import { createUpstream } from '#kit/upstream.ts'
import type { EnrollmentConfig } from '../config.ts'
import { createAuditTrail } from '../store/audit-trail.ts'
import type { EnrollmentBackend } from './backend.ts'
import { createLmsBackend } from './lms/lms-backend.ts'
import { createLocalBackend } from './local/local-backend.ts'

/** The backend of this deployment: the LMS if there is one, else tables. */
export function chooseBackend(
  { lms }: Pick<EnrollmentConfig, 'lms'>,
  database: Sequelize,
  watching: { logger: Logger; metrics?: Metrics },
): { backend: EnrollmentBackend; close(): Promise<void> } {
  if (lms === undefined) return { backend: createLocalBackend(database), close: async () => {} }
  const { baseUrl, credentials, pageSize } = lms
  const upstream = createUpstream({ name: 'LMS', baseUrl, credentials, ...watching })
  const trail = createAuditTrail(database, watching.logger)
  return { backend: createLmsBackend(upstream, { pageSize, trail }), close: () => upstream.close() }
}
