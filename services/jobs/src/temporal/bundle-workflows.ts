import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'

// node bundle-workflows.ts FILE: makes the file that `loadWorkflowBundle` hands to the worker.
const [, , path] = process.argv
if (path === undefined) throw new Error('name the file to write')
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('WARN'),
})
const draft = `${path}.${randomUUID()}`
await writeFile(draft, code)
await rename(draft, path)
