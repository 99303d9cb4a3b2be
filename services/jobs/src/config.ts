import { readProcessConfig } from '#kit/process-config.ts'
import { httpUrl, optionalText, port, text, wholeNumber } from '#kit/settings.ts'
import { openPublicTls } from '#kit/tls-settings.ts'
import type { JobKind, TimeLimits } from './domain/job.ts'
import type { Retention } from './domain/retention.ts'
import { readStorageConfig, storageSpecs } from './storage/storage-settings.ts'
import { codecKeySpecs, readCodecKeys } from './temporal/codec-keys.ts'
import { readTemporalConfig, temporalSpecs } from './temporal/connection.ts'
import { deploymentSpecs, readDeployment } from './temporal/deployment.ts'

// 0 keeps things for ever.
const retention = { min: 0, max: 36_500, unit: 'days' }

// 0 is what all kinds have.
const kindLimit = { min: 0, max: 604_800, default: 0, unit: 'seconds' }
const kindLimitSpecs = {
  JOB_TIME_LIMIT_LIST_PROGRAM_ENROLLMENTS: wholeNumber(kindLimit),
  JOB_TIME_LIMIT_LIST_COURSE_RUN_ENROLLMENTS: wholeNumber(kindLimit),
  JOB_TIME_LIMIT_LIST_ALL_COURSE_RUN_ENROLLMENTS: wholeNumber(kindLimit),
  JOB_TIME_LIMIT_GET_COURSE_RUN_GRADES: wholeNumber(kindLimit),
  JOB_TIME_LIMIT_WRITE_PROGRAM_ENROLLMENTS: wholeNumber(kindLimit),
  JOB_TIME_LIMIT_WRITE_COURSE_RUN_ENROLLMENTS: wholeNumber(kindLimit),
}
const kindLimits = {
  ListProgramEnrollments: 'JOB_TIME_LIMIT_LIST_PROGRAM_ENROLLMENTS',
  ListCourseRunEnrollments: 'JOB_TIME_LIMIT_LIST_COURSE_RUN_ENROLLMENTS',
  ListAllCourseRunEnrollments: 'JOB_TIME_LIMIT_LIST_ALL_COURSE_RUN_ENROLLMENTS',
  GetCourseRunGrades: 'JOB_TIME_LIMIT_GET_COURSE_RUN_GRADES',
  WriteProgramEnrollments: 'JOB_TIME_LIMIT_WRITE_PROGRAM_ENROLLMENTS',
  WriteCourseRunEnrollments: 'JOB_TIME_LIMIT_WRITE_COURSE_RUN_ENROLLMENTS',
} as const satisfies Record<JobKind, keyof typeof kindLimitSpecs>

/** The settings of the service: JOBS_HOST, JOBS_PORT, the database, what tokens and links are verified with, Temporal, storage. */
export async function readJobsConfig(env: NodeJS.ProcessEnv) {
  const config = await readProcessConfig(env, {
    name: 'jobs',
    needs: ['listen', 'database', 'jwt', 'resultLinks'],
    peers: ['catalog', 'access-control'],
    own: {
      ...storageSpecs,
      ...temporalSpecs,
      PROGRAM_REPORTS_BUCKET: text('the bucket of reports', 'program-reports'),
      PROGRAM_REPORTS_FOLDER: text('the folder of reports in their bucket', 'reports_v2'),
      API_ROOT: httpUrl('http://127.0.0.1:18734/api'),
      RESULT_LINK_TTL: wholeNumber({ min: 1, max: 604_800, default: 3_600, unit: 'seconds' }),
      JOB_TIME_LIMIT: wholeNumber({ min: 1, max: 604_800, default: 3_600, unit: 'seconds' }),
      ...kindLimitSpecs,
      RESULT_RETENTION_DAYS: wholeNumber({ ...retention, default: 30 }),
      UPLOAD_RETENTION_DAYS: wholeNumber({ ...retention, default: 30 }),
      JOB_RETENTION_DAYS: wholeNumber({ ...retention, default: 90 }),
      DISCOVERY_SYNC_INTERVAL: wholeNumber({ min: 0, max: 31_536_000, default: 0, unit: 'seconds' }),
    },
  })
  const { own } = config
  return {
    ...config,
    temporal: readTemporalConfig(own, config.isProduction),
    storage: readStorageConfig(own, config.dataDir),
    reports: { bucket: own.PROGRAM_REPORTS_BUCKET, folder: own.PROGRAM_REPORTS_FOLDER },
    links: { apiRoot: own.API_ROOT, ttlSeconds: own.RESULT_LINK_TTL, secret: config.resultLinks.secret },
    timeLimitOf: ((kind) => own[kindLimits[kind]] || own.JOB_TIME_LIMIT) satisfies TimeLimits,
    syncIntervalSeconds: own.DISCOVERY_SYNC_INTERVAL,
    retention: {
      resultDays: own.RESULT_RETENTION_DAYS,
      uploadDays: own.UPLOAD_RETENTION_DAYS,
      jobDays: own.JOB_RETENTION_DAYS,
    } satisfies Retention,
  }
}

/** The settings of the worker: the database, the service key, Temporal, storage, how much it does at once and in one go. */
export async function readWorkerConfig(env: NodeJS.ProcessEnv) {
  const config = await readProcessConfig(env, {
    name: 'jobs',
    needs: ['database', 'serviceKey'],
    peers: ['catalog', 'enrollment'],
    own: {
      ...storageSpecs,
      ...temporalSpecs,
      ...deploymentSpecs,
      JOBS_WORKER_CONCURRENCY: wholeNumber({ min: 1, max: 1_000, default: 20, unit: 'jobs' }),
      JOB_PART_ROWS: wholeNumber({ min: 1, max: 10_000_000, default: 50_000, unit: 'rows' }),
      JOB_PART_SECONDS: wholeNumber({ min: 1, max: 300, default: 10, unit: 'seconds' }),
    },
  })
  const { own } = config
  return {
    ...config,
    temporal: readTemporalConfig(own, config.isProduction),
    deployment: readDeployment(own),
    storage: readStorageConfig(own, config.dataDir),
    concurrency: own.JOBS_WORKER_CONCURRENCY,
    limits: {
      rows: own.JOB_PART_ROWS,
      // The first part is done in the workflow's own task: it ends before that has to be renewed.
      quickMs: Math.min(3, own.JOB_PART_SECONDS) * 1_000,
      steadyMs: own.JOB_PART_SECONDS * 1_000,
    },
  }
}

/** The settings of the codec server: where it listens, what tokens are verified with, the keys, whose pages may ask. */
export async function readCodecServerConfig(env: NodeJS.ProcessEnv) {
  const config = await readProcessConfig(env, {
    name: 'jobs',
    needs: ['userJwt'],
    peers: ['access-control'],
    own: {
      ...codecKeySpecs,
      CODEC_SERVER_HOST: text('the address to listen on, such as 127.0.0.1 or 0.0.0.0', '127.0.0.1'),
      CODEC_SERVER_PORT: port(18_747),
      CODEC_SERVER_TLS_CERT_FILE: optionalText('a PEM file with the certificate that browsers are shown'),
      CODEC_SERVER_TLS_KEY_FILE: optionalText('the PEM file with the key of CODEC_SERVER_TLS_CERT_FILE'),
      TEMPORAL_UI_ORIGIN: httpUrl('http://127.0.0.1:8233'),
    },
  })
  const { own } = config
  const { CODEC_SERVER_TLS_CERT_FILE: cert, CODEC_SERVER_TLS_KEY_FILE: key } = own
  return {
    ...config,
    publicTls: openPublicTls('CODEC_SERVER_TLS', { cert, key }, config),
    codecKeys: readCodecKeys(own),
    listenAt: { host: own.CODEC_SERVER_HOST, port: own.CODEC_SERVER_PORT },
    uiOrigin: own.TEMPORAL_UI_ORIGIN,
  }
}
