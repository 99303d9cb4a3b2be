import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, glob, mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const source = fileURLToPath(new URL('../', import.meta.url))
const bundler = fileURLToPath(new URL('./bundle-workflows.ts', import.meta.url))

/**
 * The workflows as the one file that the worker's sandbox takes, made when they have changed since it was last made; with what makes
 * their spans if they are traced.
 *
 * Another process makes it: the bundler leaves behind more memory than the worker needs for everything else.
 */
export async function loadWorkflowBundle(
  dataDir: string,
  { isTraced }: { isTraced: boolean },
): Promise<{ codePath: string }> {
  const folder = join(dataDir, 'cache')
  const codePath = join(folder, `workflows-${await hashWorkflows()}${isTraced ? '-traced' : ''}.js`)
  try {
    await access(codePath)
  } catch {
    await mkdir(folder, { recursive: true })
    await promisify(execFile)(process.execPath, [bundler, codePath, ...(isTraced ? ['traced'] : [])])
  }
  return { codePath }
}

/** A name for all that the bundle is made of. */
async function hashWorkflows(): Promise<string> {
  const all = await Array.fromAsync(glob('{workflows,domain}/**/*.ts', { cwd: source }))
  const files = all.filter((file) => !file.endsWith('.test.ts'))
  const hash = createHash('sha256')
  hash.update(createRequire(import.meta.url)('@temporalio/worker/package.json').version)
  for (const file of files.toSorted()) hash.update(`${file}\n`).update(await readFile(join(source, file)))
  return hash.digest('hex').slice(0, 16)
}
