import { Command, CommanderError } from 'commander'
import { ConfigError } from '#kit/config.ts'
import manifest from '../../../package.json' with { type: 'json' }
import type { CommandContext } from './command-context.ts'
import { foldGroupValues } from './commands/create-organization.ts'
import { commands } from './commands.ts'
import { toOneLine } from './output.ts'
import { Refusal, UsageError } from './refusal.ts'

const exitCode = { done: 0, refused: 1, badUsage: 2 }

/** Does what the arguments say and returns the exit code: 0 done, 1 refused with a sentence on standard error, 2 bad usage. */
export async function runCommandLine(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  let disconnect = () => {}
  const context: CommandContext = {
    env,
    async connect() {
      // Loaded when needed: a command that calls nobody answers in half the time.
      const [{ connectServices }, { closeRpcConnections }] = await Promise.all([
        import('./services.ts'),
        import('#kit/rpc-client.ts'),
      ])
      disconnect = closeRpcConnections
      return connectServices(env)
    },
    tell({ text, json }) {
      process.stdout.write(`${program.opts().json ? JSON.stringify(json, undefined, 2) : text}\n`)
    },
  }
  const program = createProgram(context)
  try {
    await program.parseAsync(foldGroupValues(args), { from: 'user' })
    return exitCode.done
  } catch (error) {
    return reportFailure(error, program, args)
  } finally {
    disconnect()
  }
}

function createProgram(context: CommandContext): Command {
  const program = new Command('registrar')
    .description('Operates Registrar: organizations, programs, people, what they may do, and their jobs.')
    .version(manifest.version)
    .option('--json', 'write the answer as JSON, for programs')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '')) })
  for (const addCommand of commands) addCommand(program, context)
  return program
}

function reportFailure(error: unknown, program: Command, args: readonly string[]): number {
  if (error instanceof CommanderError || error instanceof UsageError) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCode.done
    // Commander has told its own already.
    if (error instanceof UsageError) process.stderr.write(`${error.message}\n`)
    const command = program.commands.find((each) => args.includes(each.name()))
    if (command !== undefined) process.stderr.write(`See registrar ${command.name()} --help\n`)
    return exitCode.badUsage
  }
  process.stderr.write(`${describeFailure(error)}\n`)
  return exitCode.refused
}

function describeFailure(error: unknown): string {
  // What services say may quote what anybody typed.
  if (error instanceof Refusal) return toOneLine(error.message)
  if (error instanceof ConfigError) return error.message
  return `This is a fault of the command: ${error instanceof Error ? error.stack : error}`
}
