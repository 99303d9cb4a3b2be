import type { Answer } from './output.ts'
import type { Services } from './services.ts'

/** What the commands work with. */
export type CommandContext = {
  env: NodeJS.ProcessEnv
  /** The services, as `operator`; ConfigError when there is no key to call them with. */
  connect(): Promise<Services>
  /** Writes the answer on standard output, for people or for programs. */
  tell(answer: Answer): void
}
