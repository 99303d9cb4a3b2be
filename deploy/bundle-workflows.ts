import { loadWorkflowBundle } from '../services/jobs/src/temporal/workflow-bundle.ts'

// node deploy/bundle-workflows.ts FOLDER: makes what a worker with REGISTRAR_DATA_DIR=FOLDER would make on its first start.
const [, , folder = ''] = process.argv
for (const isTraced of [false, true]) await loadWorkflowBundle(folder, { isTraced })
