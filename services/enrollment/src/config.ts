import { type ProcessConfig, readProcessConfig } from '#kit/process-config.ts'
import { wholeNumber } from '#kit/settings.ts'
import { readUpstream, type UpstreamSettings, upstreamSpecs } from '#kit/upstream-settings.ts'

/** The settings of the enrollment service. */
export type EnrollmentConfig = Omit<
  ProcessConfig<'listen' | 'database' | 'jwt', 'catalog', Record<never, never>>,
  'own'
> & {
  /** The LMS that keeps the enrollments; undefined when tables of this service do. */
  lms: (UpstreamSettings & { pageSize: number }) | undefined
}

export async function readEnrollmentConfig(env: NodeJS.ProcessEnv): Promise<EnrollmentConfig> {
  const { own, ...config } = await readProcessConfig(env, {
    name: 'enrollment',
    needs: ['listen', 'database', 'jwt'],
    peers: ['catalog'],
    own: {
      ...upstreamSpecs(env, 'LMS_BASE_URL'),
      LMS_PAGE_SIZE: wholeNumber({ min: 1, max: 10_000, default: 1_000, unit: 'rows' }),
    },
  })
  const lms = readUpstream(own, 'LMS_BASE_URL')
  return { ...config, lms: lms && { ...lms, pageSize: own.LMS_PAGE_SIZE } }
}
