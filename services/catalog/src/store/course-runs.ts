import { Op, QueryTypes, type Sequelize } from 'sequelize'
import type { CourseRun } from '../domain/course-run.ts'
import { isStorable } from '../domain/grammar.ts'
import { CourseRunModel } from './models.ts'

/** What came of adding a course run. */
export type Appended = 'added' | 'taken' | 'no-curriculum'

/** Keeps the course runs of the programs' active curricula. Lists come in curriculum order. */
export type CourseRunStore = {
  list(programId: string): Promise<CourseRun[]>
  /** Those of which the internal or the external key is one of these. */
  findMatching(programId: string, ids: readonly string[]): Promise<CourseRun[]>
  /** Adds a run to the end; `taken` when the program has one with that internal or that external key. */
  append(programId: string, run: CourseRun): Promise<Appended>
}

const attributes = ['key', 'externalKey', 'title', 'url']
const order: [string, string][] = [['position', 'asc']]

export function createCourseRunStore(sequelize: Sequelize): CourseRunStore {
  return {
    async list(programId) {
      const runs = await CourseRunModel.findAll({ where: { programId }, attributes, order, raw: true })
      return runs
    },

    async findMatching(programId, ids) {
      const keys = ids.filter(isStorable)
      if (keys.length === 0) return []
      const where = { programId, [Op.or]: [{ key: keys }, { externalKey: keys }] }
      const runs = await CourseRunModel.findAll({ where, attributes, order, raw: true })
      return runs
    },

    append(programId, run) {
      return sequelize.transaction(async (transaction) => {
        // The lock makes writers of one program take turns: positions have no gap and keys no double.
        const [details] = await sequelize.query<{ activeCurriculumUuid: string | null }>(
          'select active_curriculum_uuid as "activeCurriculumUuid" from program_details where program_id = $programId for update',
          { type: QueryTypes.SELECT, bind: { programId }, transaction },
        )
        if (!details?.activeCurriculumUuid) return 'no-curriculum'
        const { externalKey } = run
        const isSame =
          externalKey === null ? { key: run.key } : { [Op.or]: [{ key: run.key }, { externalKey }] }
        const taken = await CourseRunModel.count({ where: { programId, ...isSame }, transaction })
        if (taken > 0) return 'taken'
        const last = await CourseRunModel.max<number | null, CourseRunModel>('position', {
          where: { programId },
          transaction,
        })
        await CourseRunModel.create({ programId, position: (last ?? 0) + 1, ...run }, { transaction })
        return 'added'
      })
    },
  }
}
