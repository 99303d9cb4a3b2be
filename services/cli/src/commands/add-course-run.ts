import type { Command } from 'commander'
import { Reason } from '#kit/errors.ts'
import { CourseRunSchema } from '#proto/registrar/catalog/v1/course_run_pb.ts'
import type { CommandContext } from '../command-context.ts'
import { toAnswerJson } from '../output.ts'
import { inOtherWords } from '../refusal.ts'

type Options = { externalKey?: string; title?: string; url?: string }

export function addAddCourseRun(program: Command, { connect, tell }: CommandContext): void {
  program
    .command('add-course-run')
    .description('add a course run to a program, where no Discovery keeps them')
    .argument('<program-key>')
    .argument('<course-key>', 'course-v1:Org+Course+Run')
    .option('--external-key <key>', "the school's own key for it")
    .option('--title <title>')
    .option('--url <url>', 'the page that advertises it')
    .action(async (programKey: string, key: string, options: Options) => {
      const { catalog } = await connect()
      const answer = await inOtherWords(
        catalog.addCourseRun({ programKey, courseRun: { key, ...options } }),
        {
          [Reason.PROGRAM_NOT_FOUND]: `There is no program with the key ${programKey}.`,
        },
      )
      tell({
        text: `Course run ${key} was added to program ${programKey}.`,
        json: toAnswerJson(CourseRunSchema, answer.courseRun),
      })
    })
}
