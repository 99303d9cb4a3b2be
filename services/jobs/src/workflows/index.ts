// The types of workflow, each named as the kind of job that it runs.
export { purgeExpired as PurgeExpired } from './purge-expired.ts'
export {
  readJob as GetCourseRunGrades,
  readJob as ListAllCourseRunEnrollments,
  readJob as ListCourseRunEnrollments,
  readJob as ListProgramEnrollments,
} from './read-job.ts'
export { syncCatalog as SyncWithDiscovery } from './sync-with-discovery.ts'
export {
  writeJob as WriteCourseRunEnrollments,
  writeJob as WriteProgramEnrollments,
} from './write-job.ts'
