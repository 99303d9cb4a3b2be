import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type ModelStatic,
  type NonAttribute,
  type Sequelize,
} from 'sequelize'

/** A row of `users`. */
export class UserRow extends Model<InferAttributes<UserRow>, InferCreationAttributes<UserRow>> {
  declare id: CreationOptional<string>
  declare username: string
  declare email: string
  declare active: CreationOptional<boolean>
  declare staff: boolean
  declare superuser: boolean
  declare createdAt: CreationOptional<Date>
  declare updatedAt: CreationOptional<Date>
  declare groups?: NonAttribute<GroupRow[]>
}

/** A row of `groups`; role, resource kind and resource id are all null in a plain group. */
export class GroupRow extends Model<InferAttributes<GroupRow>, InferCreationAttributes<GroupRow>> {
  declare id: CreationOptional<string>
  declare name: string
  declare role: string | null
  declare resourceKind: 'organization' | 'program' | null
  declare resourceId: string | null
  declare createdAt: CreationOptional<Date>
  declare updatedAt: CreationOptional<Date>
}

/** A row of `memberships`. */
export class MembershipRow extends Model<
  InferAttributes<MembershipRow>,
  InferCreationAttributes<MembershipRow>
> {
  declare userId: string
  declare groupId: string
}

export type Models = {
  users: ModelStatic<UserRow>
  groups: ModelStatic<GroupRow>
}

/**
 * The tables that are read and written row by row. Grants, flags and invitations are only ever written by statements that find
 * their user and group by name and act in one go: they have no model.
 */
export function defineModels(sequelize: Sequelize): Models {
  // Made anew for each attribute: Sequelize writes the column's name into the description.
  const id = () => ({ type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 })
  const moment = () => ({ type: DataTypes.DATE, allowNull: false, defaultValue: DataTypes.NOW })
  const flag = () => ({ type: DataTypes.BOOLEAN, allowNull: false })
  UserRow.init(
    {
      id: id(),
      username: { type: DataTypes.STRING(150), allowNull: false, unique: true },
      email: { type: DataTypes.STRING(254), allowNull: false },
      active: { ...flag(), defaultValue: true },
      staff: flag(),
      superuser: flag(),
      createdAt: moment(),
      updatedAt: moment(),
    },
    { sequelize, modelName: 'user', tableName: 'users' },
  )
  GroupRow.init(
    {
      id: id(),
      name: { type: DataTypes.STRING(150), allowNull: false, unique: true },
      role: DataTypes.TEXT,
      resourceKind: DataTypes.TEXT,
      resourceId: DataTypes.UUID,
      createdAt: moment(),
      updatedAt: moment(),
    },
    { sequelize, modelName: 'group', tableName: 'groups' },
  )
  MembershipRow.init(
    {
      userId: { type: DataTypes.UUID, primaryKey: true },
      groupId: { type: DataTypes.UUID, primaryKey: true },
    },
    { sequelize, modelName: 'membership', tableName: 'memberships' },
  )
  UserRow.belongsToMany(GroupRow, {
    through: MembershipRow,
    foreignKey: 'userId',
    otherKey: 'groupId',
    as: 'groups',
  })
  return { users: UserRow, groups: GroupRow }
}
