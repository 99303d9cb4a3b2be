/**
 * `npm run boundaries`: holds the import table. dependency-cruiser passes silently over a tree that it cannot parse, so a run that
 * cruised too little fails as well.
 */
import { cruise } from 'dependency-cruiser'
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import { options, ruleSet } from './rules.ts'

const { output } = await cruise(
  ['services', 'gateway', 'deploy', 'test'],
  { ...options, ruleSet, validate: true },
  undefined,
  { tsConfig: extractTSConfig('tsconfig.json') },
)
if (typeof output === 'string')
  throw new Error('dependency-cruiser answered text where a result was asked for')

const { violations, totalCruised, totalDependenciesCruised = 0 } = output.summary
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} → ${to}`)
console.log(`${totalCruised} modules, ${totalDependenciesCruised} imports, ${violations.length} violations`)
if (violations.length > 0 || totalCruised < 100 || totalDependenciesCruised < totalCruised)
  process.exitCode = 1
