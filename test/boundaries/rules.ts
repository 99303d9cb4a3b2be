import type { ICruiseOptions, IFlattenedRuleSet } from 'dependency-cruiser'

// Who may import whom: the table of docs/adr/0002. Run by `npm run boundaries`, which also fails when nothing was cruised.
const service = '^services/(?!kit/)([^/]+)/'
const io = '^node_modules/(sequelize|pg|pg-cursor|fastify|@fastify|@temporalio|@aws-sdk|@connectrpc)/'

export const ruleSet: IFlattenedRuleSet = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'services-share-only-proto-and-kit',
      severity: 'error',
      from: { path: service },
      to: { path: service, pathNot: '^services/$1/' },
    },
    {
      name: 'kit-knows-nobody',
      severity: 'error',
      from: { path: '^services/kit/' },
      to: { path: `${service}|^gateway/` },
    },
    {
      name: 'product-does-not-import-tests',
      severity: 'error',
      from: { path: '^(services|gateway|deploy)/', pathNot: '\\.test\\.ts$|/testing/' },
      to: { path: '^test/|/testing/|\\.test\\.ts$|^node_modules/(vitest|fast-check)/' },
    },
    {
      name: 'gateway-holds-no-rule',
      severity: 'error',
      from: { path: '^gateway/' },
      to: { path: `${service}|^node_modules/(sequelize|pg|@temporalio)/` },
    },
    {
      name: 'handlers-only-translate',
      severity: 'error',
      from: { path: '/src/handlers/', pathNot: '\\.test\\.ts$' },
      to: { path: '^node_modules/(fastify|@fastify|sequelize|pg|@temporalio)/' },
    },
    {
      name: 'domain-does-no-io',
      severity: 'error',
      from: { path: '/src/domain/', pathNot: '\\.test\\.ts$' },
      to: { path: `${io}|/src/(store|storage|handlers|clients|temporal|activities)[/.]` },
    },
    {
      name: 'domain-does-no-io-itself',
      severity: 'error',
      from: { path: '/src/domain/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(node:)?(fs|net|http|http2|https|child_process)(/|$)' },
    },
    {
      name: 'stores-know-no-messages',
      severity: 'error',
      from: { path: '/src/store/', pathNot: '\\.test\\.ts$' },
      to: { path: '/src/handlers/|^proto/gen/(?!registrar/errors/)' },
    },
    {
      name: 'workflows-are-pure',
      severity: 'error',
      from: { path: '/src/workflows/', pathNot: '\\.test\\.ts$' },
      to: {
        pathNot:
          '^node_modules/@temporalio/(workflow|common)/|/src/(domain|workflows)/|/src/temporal/names|/src/activities/',
      },
    },
    {
      name: 'workflows-name-activities-by-type',
      severity: 'error',
      from: { path: '/src/workflows/', pathNot: '\\.test\\.ts$' },
      to: { path: '/src/activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'activities-start-nothing',
      severity: 'error',
      from: { path: '/src/activities/', pathNot: '\\.test\\.ts$' },
      to: { path: '/src/workflows/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
}

/** How imports are followed. */
export const options: ICruiseOptions = {
  doNotFollow: { path: 'node_modules' },
  tsPreCompilationDeps: true,
  tsConfig: { fileName: 'tsconfig.json' },
  enhancedResolveOptions: {
    conditionNames: ['import', 'node', 'default', 'types'],
    exportsFields: ['exports'],
  },
}
