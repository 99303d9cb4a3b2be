import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from 'sequelize'

export class OrganizationModel extends Model<
  InferAttributes<OrganizationModel>,
  InferCreationAttributes<OrganizationModel>
> {
  declare id: CreationOptional<string>
  declare key: string
  declare name: string
  declare discoveryUuid: CreationOptional<string>
  declare created: CreationOptional<Date>
  declare updated: CreationOptional<Date>
}

/** Its `sequence` is the database's own business. */
export class ProgramModel extends Model<
  InferAttributes<ProgramModel>,
  InferCreationAttributes<ProgramModel>
> {
  declare id: CreationOptional<string>
  declare key: string
  declare discoveryUuid: CreationOptional<string>
  declare organizationId: string
  declare created: CreationOptional<Date>
  declare updated: CreationOptional<Date>
}

export class ProgramDetailsModel extends Model<
  InferAttributes<ProgramDetailsModel>,
  InferCreationAttributes<ProgramDetailsModel>
> {
  declare programId: string
  declare title: string | null
  declare foldedTitle: string | null
  declare url: string | null
  declare type: string | null
  declare activeCurriculumUuid: string | null
}

export class CourseRunModel extends Model<
  InferAttributes<CourseRunModel>,
  InferCreationAttributes<CourseRunModel>
> {
  declare programId: string
  declare position: number
  declare key: string
  declare externalKey: string | null
  declare title: string | null
  declare url: string | null
}

const { UUID, UUIDV4, STRING, TEXT, INTEGER, DATE } = DataTypes
const made = { timestamps: true, createdAt: 'created', updatedAt: 'updated' } as const

/** Binds the models to a database; one per process. */
export function bindModels(sequelize: Sequelize): void {
  OrganizationModel.init(
    {
      id: { type: UUID, primaryKey: true, defaultValue: UUIDV4 },
      key: { type: STRING(255), allowNull: false, unique: true },
      name: { type: STRING(255), allowNull: false },
      discoveryUuid: { type: UUID, allowNull: false, defaultValue: UUIDV4 },
      created: DATE,
      updated: DATE,
    },
    { sequelize, tableName: 'organizations', ...made },
  )
  ProgramModel.init(
    {
      id: { type: UUID, primaryKey: true, defaultValue: UUIDV4 },
      key: { type: STRING(255), allowNull: false, unique: true },
      discoveryUuid: { type: UUID, allowNull: false, defaultValue: UUIDV4 },
      organizationId: { type: UUID, allowNull: false },
      created: DATE,
      updated: DATE,
    },
    { sequelize, tableName: 'programs', ...made },
  )
  ProgramDetailsModel.init(
    {
      programId: { type: UUID, primaryKey: true },
      title: TEXT,
      foldedTitle: TEXT,
      url: TEXT,
      type: TEXT,
      activeCurriculumUuid: UUID,
    },
    { sequelize, tableName: 'program_details' },
  )
  CourseRunModel.init(
    {
      programId: { type: UUID, primaryKey: true },
      position: { type: INTEGER, primaryKey: true },
      key: { type: TEXT, allowNull: false },
      externalKey: TEXT,
      title: TEXT,
      url: TEXT,
    },
    { sequelize, tableName: 'course_runs' },
  )
}
