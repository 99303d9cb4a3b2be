import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'

// node bundle-workflows.ts FILE [traced]: makes the file that `loadWorkflowBundle` hands to the worker.
const [, , path, traced] = process.argv
if (path === undefined) throw new Error('name the file to write')
const interceptors = '@temporalio/interceptors-opentelemetry-v2/lib/workflow-interceptors'
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  workflowInterceptorModules:
    traced === undefined ? [] : [createRequire(import.meta.url).resolve(interceptors)],
  logger: new DefaultLogger('WARN'),
})
const draft = `${path}.${randomUUID()}`
await writeFile(draft, code)
await rename(draft, path)
