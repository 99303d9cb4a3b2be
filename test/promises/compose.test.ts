import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { DCLinter } from 'dclint'
import { describe, expect, test } from 'vitest'
import { defaultPorts, settingPrefixOf } from '#kit/settings.ts'
import { narrowEnvironment, type ProgramName } from '#stack/environment.ts'
import { serverSettings, temporalParts } from '../cluster/temporal-cluster.ts'
import { temporalServerVersion } from '../cluster/temporal-server-binary.ts'
import { type ComposeService, composeText, makeEnv, readCompose, variablesOf } from '../fixtures/compose.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const given = makeEnv()
const { services, networks, volumes } = readCompose(given)
const all = Object.entries(services)
const ours = all.filter(([, { image }]) => image.startsWith('registrar:'))
const programs: readonly ProgramName[] = [
  ...(['migrations', 'access-control', 'catalog', 'enrollment', 'jobs', 'jobs-worker', 'gateway'] as const),
]

test('the file is valid by the compose specification', () => {
  // What is left out is about the order in which things are written.
  const taste = [
    'service-keys-order',
    'services-alphabetical-order',
    'top-level-properties-order',
    'service-dependencies-alphabetical-order',
    'no-quotes-in-volumes',
    'require-quotes-in-ports',
  ]
  const rules = Object.fromEntries(taste.map((name) => [name, 0 as const]))
  const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] })
  const path = new URL('docker-compose.yml', root).pathname
  expect(
    linter.lintFiles([path], false).flatMap((result: { messages: unknown[] }) => result.messages),
  ).toEqual([])
})

describe('variables', () => {
  const inFile = variablesOf(composeText)
  const sample = parseEnv(read('deploy/sample.env'))

  test('the sample names those that the file takes, and no other', () => {
    expect(Object.keys(sample).toSorted()).toEqual([...inFile.keys()].toSorted())
  })

  test('without one that has to be there it is refused with a sentence that names it', () => {
    const required = [...inFile].filter(([, words]) => words !== undefined).map(([name]) => name)
    expect(required).toContain('POSTGRES_PASSWORD')
    for (const name of required) {
      expect(() => readCompose({ ...given, [name]: '' })).toThrow(
        new RegExp(`^${name}: Set ${name}\\b.*\\.$`),
      )
    }
  })

  test('there is no password in the file or in the sample', () => {
    const secret = /^ *(\w*(?:PASSWORD|PWD|SECRET|PRIVATE_KEY|ACCESS_KEY)\w*)(: |=)(.*)$/gm
    const values = [...`${composeText}\n${read('deploy/sample.env')}`.matchAll(secret)].map(
      ([, , , value]) => value,
    )
    expect(values.length).toBeGreaterThan(15)
    expect(
      values.filter((value) => !/^$|^\$\{\w+:(\?[^}]*|-)\}$|^(&[\w-]+ )?\$\{|^\*/.test(value as string)),
    ).toEqual([])
  })

  test('the secrets that are made are there, and others each time', () => {
    const again = makeEnv()
    const made = Object.keys(sample).filter((name) => sample[name] === '' && given[name] !== '')
    expect(made).toHaveLength(7)
    for (const name of made) expect(again[name]).not.toBe(given[name])
  })
})

describe('our processes', () => {
  test('each of them is there', () => {
    expect(ours.map(([name]) => name)).toEqual(expect.arrayContaining([...programs]))
    expect(services['jobs-worker']?.deploy.replicas).toBe(2)
  })

  test.each(programs)('%s gets settings that are documented, and nothing that only others need', (name) => {
    const environment = services[name]?.environment ?? {}
    const documented = read('docs/settings.md')
    expect(Object.keys(environment).filter((setting) => !documented.includes(`\`${setting}\``))).toEqual([])
    // On one machine each process has a port of its own for it, with a name of its own.
    const { METRICS_PORT: _, ...others } = environment
    expect(narrowEnvironment(others, name)).toEqual(others)
  })

  test('they run programs that are there', () => {
    for (const [, { command = [], entrypoint = [] }] of ours) {
      const [program, script] = [...entrypoint, ...command]
      expect([program, existsSync(new URL(script as string, root))]).toEqual(['node', true])
    }
  })

  test.each([
    ['gateway', 'gateway/src/config.ts'],
    ['catalog', 'services/catalog/src/config.ts'],
    ['enrollment', 'services/enrollment/src/config.ts'],
    ['registrar', 'services/cli/src/config.ts'],
  ])('%s is told where the others are that it calls', (name, config) => {
    const [, peers = ''] = /peers: \[(.*)\]/.exec(read(config)) ?? []
    const settings = [...peers.matchAll(/'([\w-]+)'/g)].map(
      ([, peer]) => `${settingPrefixOf(peer as string)}_URL`,
    )
    expect(settings).not.toEqual([])
    expect(Object.keys(services[name]?.environment ?? {})).toEqual(expect.arrayContaining(settings))
  })

  test('they have more time to end than they take', () => {
    const [, ms] = /closeWithinMs = ([\d_]+)/.exec(read('services/kit/src/lifecycle.ts')) ?? []
    for (const [, { stop_grace_period: time }] of ours) {
      expect(Number.parseInt(time ?? '', 10) * 1000).toBeGreaterThan(Number(ms?.replace('_', '')))
    }
  })

  test('they are asked for readiness where they tell it', () => {
    for (const name of programs.filter((each) => each !== 'migrations')) {
      const { healthcheck, environment } = services[name] as ComposeService
      expect(healthcheck?.test?.at(-1)).toBe(`http://127.0.0.1:${environment?.METRICS_PORT}/readyz`)
    }
  })
})

test('every address leads to a service that listens on that port, in a network of both', () => {
  const listens: Record<string, number> = {
    ...defaultPorts,
    ...{ postgres: 5432, s3: 8333, 'temporal-frontend': 7233 },
  }
  const address = /(?:\/\/|@|^)([a-z][a-z0-9-]*):(\d+)\b/g
  const found = all.flatMap(([name, { environment = {}, command = [] }]) =>
    [...Object.values(environment), ...command]
      .flatMap((value) => [...value.matchAll(address)])
      .map(([, host, port]) => ({ name, host: host as string, port: Number(port) })),
  )
  expect(found.length).toBeGreaterThan(20)
  for (const { name, host, port } of found) {
    expect([name, host, listens[host]]).toEqual([name, host, port])
    const shared = services[name]?.networks.filter((each) => services[host]?.networks.includes(each))
    expect([name, host, shared?.length]).not.toEqual([name, host, 0])
  }
})

test('only the gateway, S3 and what operators look at can be reached from outside, from this machine alone', () => {
  const published = all.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]))
  expect(published).toEqual([
    ['s3', '127.0.0.1:8333:8333'],
    ['temporal-ui', '127.0.0.1:8233:8080'],
    ['gateway', `127.0.0.1:${defaultPorts.gateway}:${defaultPorts.gateway}`],
    ['codec-server', '127.0.0.1:18747:18747'],
    ['prometheus', '127.0.0.1:9090:9090'],
  ])
  expect(networks).toMatchObject({ data: { internal: true } })
  for (const name of ['postgres', ...temporalParts]) expect(services[name]?.networks).toEqual(['data'])
})

test.each(all)('%s is pinned, bounded and may do little', (name, service) => {
  expect(service.image).toMatch(/:v?\d+\.\d+(\.\d+)?(-bookworm)?$/)
  expect(service).toMatchObject({
    read_only: name !== 'temporal-ui',
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    restart: expect.stringMatching(/^(unless-stopped|on-failure:5|no)$/),
    deploy: { resources: { limits: { cpus: expect.any(String), memory: expect.any(String) } } },
  })
})

test('files and volumes that are mounted are there', () => {
  const mounted = all.flatMap(([, { volumes: each = [] }]) =>
    each.map((volume) => volume.split(':')[0] as string),
  )
  for (const source of mounted) {
    expect([source, source.startsWith('./') ? existsSync(new URL(source, root)) : source in volumes]).toEqual(
      [source, true],
    )
  }
})

test('who waits for another waits for something that comes', () => {
  for (const [name, { depends_on: waits = {} }] of all) {
    for (const [other, { condition }] of Object.entries(waits)) {
      const { restart, healthcheck } = services[other] as ComposeService
      const comes =
        condition === 'service_healthy' ? healthcheck?.test !== undefined : restart === 'on-failure:5'
      expect([name, other, comes]).toEqual([name, other, true])
    }
  }
})

test('Temporal is the one that test/cluster starts: version, processes, settings', () => {
  const parts = all.filter(([, { image }]) => image.startsWith('temporalio/server:'))
  expect(parts.map(([name]) => name)).toEqual([...temporalParts])
  const settings = serverSettings({ postgres: { port: 5432, user: 'temporal', password: '' } })
  const { BIND_ON_IP: _, ...inContainers } = settings
  for (const [name, { image, environment = {} }] of parts) {
    expect(image).toBe(`temporalio/server:${temporalServerVersion}`)
    expect(Object.keys(environment).toSorted()).toEqual(
      [...Object.keys(inContainers), 'TEMPORAL_SERVICES'].toSorted(),
    )
    expect(environment).toMatchObject({ DB: settings.DB, NUM_HISTORY_SHARDS: settings.NUM_HISTORY_SHARDS })
    expect(name).toContain(environment.TEMPORAL_SERVICES)
  }
})
