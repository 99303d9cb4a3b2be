import type { Sequelize } from 'sequelize'
import type { Logger } from '#kit/logger.ts'
import { createUpstream } from '#kit/upstream.ts'
import type { EnrollmentConfig } from '../config.ts'
import type { EnrollmentBackend } from './backend.ts'
import { createLmsBackend } from './lms/lms-backend.ts'
import { createLocalBackend } from './local/local-backend.ts'

/** The backend of this deployment: the LMS if there is one, else tables. */
export function chooseBackend(
  { lms }: Pick<EnrollmentConfig, 'lms'>,
  database: Sequelize,
  logger: Logger,
): { backend: EnrollmentBackend; close(): Promise<void> } {
  if (lms === undefined) return { backend: createLocalBackend(database), close: async () => {} }
  const { baseUrl, credentials, pageSize } = lms
  const upstream = createUpstream({ name: 'LMS', baseUrl, credentials, logger })
  return { backend: createLmsBackend(upstream, { pageSize }), close: () => upstream.close() }
}
