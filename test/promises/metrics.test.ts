import { globSync, readFileSync } from 'node:fs'
import { parser } from '@prometheus-io/lezer-promql'
import { fastify } from 'fastify'
import { pino } from 'pino'
import { Sequelize } from 'sequelize'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createMetrics } from '#kit/metrics.ts'
import { measurePool } from '#kit/metrics-database.ts'
import { clientMeterOf, createServerMeter } from '#kit/metrics-rpc.ts'
import { countRefusedTokens } from '#kit/metrics-tokens.ts'
import { createUpstreamMeter } from '#kit/metrics-upstream.ts'
import { createReadiness } from '#kit/readiness.ts'
import { addMetrics } from '../../gateway/src/plugins/metrics.ts'
import { countEndings } from '../../services/jobs/src/metrics/ended-jobs.ts'
import { exposeOpenJobs } from '../../services/jobs/src/metrics/open-jobs.ts'
import { countRows } from '../../services/jobs/src/metrics/rows.ts'
import { measureStorage } from '../../services/jobs/src/storage/measured-storage.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const pages = { monitoring: read('docs/monitoring.md'), operations: read('docs/operations.md') }

/** What Prometheus adds to everything that it scrapes by our configuration. */
const targetLabels = ['job', 'instance', 'process']
type Known = Map<string, { type: string; labels: readonly string[] }>

function documentedMetrics(): Known {
  const row = /^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|/gm
  return new Map(
    [...pages.monitoring.matchAll(row)].map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label as string) },
    ]),
  )
}

/** All that the processes make, in one registry. */
function madeMetrics(): Known {
  const metrics = createMetrics(true)
  createReadiness(pino({ level: 'silent' }), metrics)
  createServerMeter(metrics)
  clientMeterOf(metrics)
  createUpstreamMeter(metrics, 'LMS')
  countRefusedTokens(metrics, { verify: () => Promise.reject(new Error('not asked')) })
  measurePool(metrics, new Sequelize('postgres://nobody@127.0.0.1:1/none', { logging: false }))
  addMetrics(fastify(), metrics)
  exposeOpenJobs(metrics, { countOpen: async () => [] })
  countEndings(metrics, {} as never)
  countRows(metrics, {} as never)
  measureStorage(metrics, {} as never)
  return new Map(
    metrics.registry.getMetricsAsArray().map((metric) => {
      const { name, type, labelNames } = metric as unknown as Record<'name' | 'type', string> & {
        labelNames: string[]
      }
      return [name, { type, labels: labelNames }]
    }),
  )
}

const made = madeMetrics()
const documented = documentedMetrics()
const isNodes = (name: string) => /^(process|nodejs)_/.test(name)
const isTemporals = (name: string) => name.startsWith('temporal_')

test('docs/monitoring.md has every metric with its type and labels, and no other', () => {
  const ours = [...made].filter(([name]) => !isNodes(name))
  expect(ours.length).toBeGreaterThan(20)
  expect(Object.fromEntries([...documented].filter(([name]) => !isTemporals(name)))).toEqual(
    Object.fromEntries(ours),
  )
})

test('every metric that the source makes is made here', () => {
  const sources = globSync('{services,gateway}/**/*.ts', { cwd: new URL('../../', import.meta.url).pathname })
    .filter((path) => !path.endsWith('.test.ts'))
    .map(read)
    .filter((text) => text.includes("from 'prom-client'"))
  const names = sources.flatMap((text) => [...text.matchAll(/\bname: '([a-z_]+)'/g)].map(([, name]) => name))
  expect(names.toSorted()).toEqual([...made.keys()].filter((name) => !isNodes(name)).toSorted())
})

test('names tell the unit, and only counters end with _total', () => {
  for (const [name, { type }] of made) {
    expect([name, /_total$/.test(name)]).toEqual([name, type === 'counter'])
    if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/)
  }
})

const known: Known = new Map([...made, ...documented, ['up', { type: 'gauge', labels: [] }]])

/** The metric that a name in an expression is of: a histogram has three. */
function metricOf(name: string) {
  const base = name.replace(/_(bucket|sum|count)$/, '')
  const histogram = known.get(base)?.type === 'histogram' ? known.get(base) : undefined
  return histogram && base !== name
    ? { labels: [...histogram.labels, ...(name.endsWith('_bucket') ? ['le'] : [])] }
    : known.get(name)
}

/** What is wrong with an expression: that it does not parse, or names a metric or label that there is not. */
function faultsOf(expression: string): string[] {
  const text = expression.replaceAll('$__rate_interval', '5m')
  const faults: string[] = []
  const inScope = new Set(targetLabels)
  const grouped: string[] = []
  let selected: readonly string[] = []
  parser.parse(text).iterate({
    enter({ type, from, to, node }) {
      const word = text.slice(from, to)
      if (type.isError) faults.push(`does not parse at ${from}`)
      if (type.name === 'VectorSelector') {
        const name = node.getChild('Identifier')
        const metric = metricOf(name === null ? '' : text.slice(name.from, name.to))
        if (metric === undefined) faults.push(`no such metric: ${word}`)
        selected = [...(metric?.labels ?? []), ...targetLabels]
        for (const label of selected) inScope.add(label)
      }
      if (type.name !== 'LabelName') return
      if (node.parent?.name === 'GroupingLabels') grouped.push(word)
      else if (!selected.includes(word)) faults.push(`no such label: ${word}`)
    },
  })
  return [
    ...faults,
    ...grouped.filter((label) => !inScope.has(label)).map((label) => `no such label: ${label}`),
  ]
}

test('an expression that names what there is not is found out', () => {
  expect(faultsOf('sum by (kind) (registrar_jobs_open{state="pending"})')).toEqual([])
  expect(faultsOf('sum(')).not.toEqual([])
  expect(faultsOf('registrar_jobs_open{status="pending"}')).toEqual(['no such label: status'])
  expect(faultsOf('sum by (route) (registrar_jobs_open)')).toEqual(['no such label: route'])
  expect(faultsOf('rate(registrar_job_duration_seconds[$__rate_interval])')).toEqual([])
  expect(faultsOf('registrar_jobs_bucket')).toEqual(['no such metric: registrar_jobs_bucket'])
})

type Panel = { title: string; description?: string; targets?: { expr: string; legendFormat: string }[] }
const dashboard = JSON.parse(read('deploy/grafana/registrar.json')) as { panels: Panel[] }

test.each(dashboard.panels.filter(({ targets }) => targets !== undefined))(
  'the dashboard’s panel "$title" asks for what there is',
  ({ targets = [], description }) => {
    expect(targets.flatMap(({ expr }) => faultsOf(expr))).toEqual([])
    expect(description).not.toBe('')
    // A legend names only labels that are left after the aggregation.
    for (const { expr, legendFormat } of targets) {
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label)
      const grouping = /\bby \(([\w, ]+)\)/.exec(expr)?.[1]?.split(/,\s*/)
      expect(named.filter((label) => grouping !== undefined && !grouping.includes(label as string))).toEqual(
        [],
      )
    }
  },
)

type Rule = { alert: string; expr: string; labels: { severity: string }; annotations: Record<string, string> }
const { groups } = parse(read('deploy/prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

describe.each(rules)('alert $alert', ({ alert, expr, labels, annotations }) => {
  test('asks for what there is', () => {
    expect(faultsOf(expr)).toEqual([])
    expect(['critical', 'warning']).toContain(labels.severity)
  })

  test('leads to what to do, and is explained', () => {
    const [page, anchor] = annotations.runbook_url?.split('#') ?? []
    expect(page).toBe('docs/operations.md')
    expect(anchorsOf(pages.operations)).toContain(anchor)
    const row = pages.monitoring.split('\n').find((line) => line.includes(`\`${alert}\``))
    expect(row).toContain(`| ${labels.severity} |`)
    expect(row).toContain(`(operations.md#${anchor})`)
  })

  test('has a test that it fires', () => {
    const tested = read('deploy/prometheus/alerts.test.yml').split(`alertname: ${alert}\n`).slice(1)
    expect(tested.some((text) => /^\s+exp_alerts:\n/.test(text))).toBe(true)
  })
})

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
