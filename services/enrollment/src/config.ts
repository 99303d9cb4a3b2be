import { ConfigError } from '#kit/config.ts'
import { type ProcessConfig, readProcessConfig } from '#kit/process-config.ts'
import { optionalText } from '#kit/settings.ts'

/** The settings of the enrollment service. */
export type EnrollmentConfig = ProcessConfig<'listen' | 'database' | 'jwt', 'catalog', Record<never, never>>

export async function readEnrollmentConfig(env: NodeJS.ProcessEnv): Promise<EnrollmentConfig> {
  const config = await readProcessConfig(env, {
    name: 'enrollment',
    needs: ['listen', 'database', 'jwt'],
    peers: ['catalog'],
    own: { LMS_BASE_URL: optionalText('the address of the LMS') },
  })
  // To keep enrollments beside an LMS that has its own would be worse than not to start.
  if (config.own.LMS_BASE_URL !== undefined) {
    throw new ConfigError(
      'LMS_BASE_URL is set, but this version cannot keep enrollments in an LMS yet: unset it to keep them in tables here.',
    )
  }
  return config
}
