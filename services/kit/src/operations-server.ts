import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { ConfigError, collectConfig } from './config.ts'
import type { Logger } from './logger.ts'
import { type Metrics, toOpenMetrics } from './metrics.ts'
import type { Readiness } from './readiness.ts'
import { metricsSpecs, settingPrefixOf } from './settings.ts'

/** What the pages of operations are made of. */
export type OperationsPages = { metrics: Metrics; readiness: Readiness }

/** Open until closed. */
export type OperationsServer = { close(): Promise<void> }

type Page = { status: number; type: string; text: string }

const plain = 'text/plain; charset=utf-8'
const prometheusType = 'text/plain; version=0.0.4; charset=utf-8'
const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** Where a process serves operations, and the setting that says so. */
export type OperationsPlace = { host: string; port: number; setting: string }

/**
 * `<NAME>_METRICS_PORT`, else METRICS_PORT; undefined when none is set. What cannot be used is told by who reads the whole
 * configuration, with all other faults.
 */
export function readOperationsPlace(name: string, env: NodeJS.ProcessEnv): OperationsPlace | undefined {
  const setting = `${settingPrefixOf(name)}_METRICS_PORT` as 'GATEWAY_METRICS_PORT'
  const values = collectConfig(env, metricsSpecs, [])
  const port = values[setting] ?? values.METRICS_PORT
  return port === undefined ? undefined : { host: values.METRICS_HOST, port, setting }
}

/**
 * Serves `/metrics`, `/livez` and `/readyz` on a port of their own, where they answer however busy the main one is. There is no
 * authentication: nothing about anybody is told, and the port is for the operator's network. ConfigError when it cannot be had.
 */
export async function startOperationsServer(
  { host, port, setting }: OperationsPlace,
  logger: Logger,
  pages: OperationsPages,
): Promise<OperationsServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(request, pages).then(
      ({ status, type, text }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
      },
      (error: unknown) => {
        logger.error({ err: error }, 'a page for operations could not be made')
        response.writeHead(500).end()
      },
    )
  })
  try {
    await once(server.listen({ host, port }), 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ConfigError(
      `${host}:${port} cannot be listened on (${code}): stop what uses it, or set ${setting} to a free port.`,
    )
  }
  logger.info({ host, port }, 'metrics and probes are served')
  return { close: () => closeServer(server) }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function answer(request: IncomingMessage, pages: OperationsPages): Promise<Page> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return textPage(405, 'GET only')
  switch (request.url?.split('?', 1)[0]) {
    case '/livez':
      return textPage(200, 'ok')
    case '/readyz':
      return readyPage(pages.readiness)
    case '/metrics':
      return metricsPage(pages.metrics, request.headers.accept)
    default:
      return textPage(404, '/metrics, /livez or /readyz')
  }
}

function textPage(status: number, text: string): Page {
  return { status, type: plain, text: `${text}\n` }
}

async function readyPage(readiness: Readiness): Promise<Page> {
  const report = await readiness.report()
  return {
    status: report.status === 'ready' ? 200 : 503,
    type: 'application/json',
    text: `${JSON.stringify(report)}\n`,
  }
}

async function metricsPage(metrics: Metrics, accept = ''): Promise<Page> {
  const text = await metrics.render()
  return accept.includes('application/openmetrics-text')
    ? { status: 200, type: openMetricsType, text: toOpenMetrics(text) }
    : { status: 200, type: prometheusType, text }
}
