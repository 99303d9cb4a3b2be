import { readProcessConfig } from '#kit/process-config.ts'

/** ACCESS_CONTROL_HOST and _PORT, ACCESS_CONTROL_DATABASE_URL or DATABASE_URL, JWT_*, SERVICE_PUBLIC_KEY, LOG_LEVEL. */
export function readAccessControlConfig(env: NodeJS.ProcessEnv) {
  return readProcessConfig(env, { name: 'access-control', needs: ['listen', 'database', 'jwt'] })
}
