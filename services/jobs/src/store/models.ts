import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize'
import type { JobKind, JobState, ResultFormat } from '../domain/job.ts'

/** A row of `jobs`. Its times are read as microseconds, which a Date would cut off: see `job-store.ts`. */
export class JobModel extends Model<InferAttributes<JobModel>, InferCreationAttributes<JobModel>> {
  declare id: string
  declare kind: JobKind
  declare state: CreationOptional<JobState>
  declare ownerId: string
  declare username: string
  declare programId: string
  declare programKey: string
  declare organizationKey: string
  declare courseId: string | null
  declare courseKey: string | null
  declare format: ResultFormat
  declare includeAccounts: boolean
  declare includeCourseStaff: boolean
  declare attempt: CreationOptional<number>
  /** A bigint, which comes as text. */
  declare rowsDone: CreationOptional<string | number>
  declare rowsTotal: CreationOptional<string | number | null>
  declare outcome: CreationOptional<string | null>
  declare failureReason: CreationOptional<string | null>
  declare failureMessage: CreationOptional<string | null>
  declare createdAt: CreationOptional<Date>
  declare updatedAt: CreationOptional<Date>
  /** When the reconciler last compared the job with its workflow. */
  declare checkedAt: CreationOptional<Date>
  declare endedAt: CreationOptional<Date | null>
  declare endedRunId: CreationOptional<string | null>
  /** With which key the owner asked for it; null without one, and when the key means another request by now. */
  declare idempotencyKey: CreationOptional<string | null>
  declare requestFingerprint: CreationOptional<Buffer | null>
  declare traceparent: CreationOptional<string | null>
}

export type JobModelClass = typeof JobModel

export function defineJobModel(sequelize: Sequelize): JobModelClass {
  // One object for each column: Sequelize writes into them. Where the table has a default, it must not ask for a value.
  const required = (type: DataTypes.DataType) => ({ type, allowNull: false })
  const optional = (type: DataTypes.DataType) => ({ type })
  class Defined extends JobModel {}
  return Defined.init(
    {
      id: { type: DataTypes.UUID, primaryKey: true },
      kind: required(DataTypes.TEXT),
      state: optional(DataTypes.TEXT),
      ownerId: required(DataTypes.UUID),
      username: required(DataTypes.TEXT),
      programId: required(DataTypes.UUID),
      programKey: required(DataTypes.TEXT),
      organizationKey: required(DataTypes.TEXT),
      courseId: optional(DataTypes.TEXT),
      courseKey: optional(DataTypes.TEXT),
      format: required(DataTypes.TEXT),
      includeAccounts: required(DataTypes.BOOLEAN),
      includeCourseStaff: required(DataTypes.BOOLEAN),
      attempt: optional(DataTypes.INTEGER),
      rowsDone: optional(DataTypes.BIGINT),
      rowsTotal: optional(DataTypes.BIGINT),
      outcome: optional(DataTypes.TEXT),
      failureReason: optional(DataTypes.TEXT),
      failureMessage: optional(DataTypes.TEXT),
      createdAt: optional(DataTypes.DATE),
      updatedAt: optional(DataTypes.DATE),
      checkedAt: optional(DataTypes.DATE),
      endedAt: optional(DataTypes.DATE),
      endedRunId: optional(DataTypes.UUID),
      idempotencyKey: optional(DataTypes.TEXT),
      requestFingerprint: optional(DataTypes.BLOB),
      traceparent: optional(DataTypes.TEXT),
    },
    { sequelize, modelName: 'job', tableName: 'jobs' },
  )
}
