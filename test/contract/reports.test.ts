import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { callRest } from '../fixtures/rest.ts'
import { ask, openScene, type Scene } from './ask.ts'
import { type Case, inBothVersions, notFound, notPermitted, runCases } from './run-cases.ts'

let scene: Scene

// The names that the contract tells of, with the day that each stands for.
const dated: [name: string, date: string][] = [
  ['__2020-06-07', '2020-06-07'],
  ['a__b__2021-03-04__2022-05-06.csv', '2022-05-06'],
  ['b__2019-1-5.txt', '2019-01-05'],
  ['c__2022-05-06__2022-13-01.csv', '2022-05-06'],
  ['individual_report__2026-01-05.csv', '2026-01-05'],
  ['junk__2020-02-29junk', '2020-02-29'],
  ['with space & ü__2021-12-31.csv', '2021-12-31'],
]
const undated = [
  'bad_1',
  'bad__2019-25-25',
  'x__2020-02-30.csv',
  'y_2020-01-01.csv',
  'z__20200101.csv',
  '__--',
  '.hidden__2020-01-01',
]

beforeAll(async () => {
  scene = await openScene()
  for (const program of [scene.school.masters, scene.school.micro]) {
    const folder = await reportsFolder(program.uuid)
    const names =
      program === scene.school.masters
        ? [...dated.map(([name]) => name), ...undated]
        : ['micro__2020-01-01.csv']
    for (const name of names) await writeFile(join(folder, name), `report ${name}`)
  }
})

/** Where the outside process of the contract would put a program’s reports. */
async function reportsFolder(uuid: string): Promise<string> {
  const { dataDir } = scene.world.addresses
  const folder = join(
    dataDir,
    'media',
    'program-reports',
    'reports_v2',
    scene.school.key,
    uuid.replaceAll('-', ''),
  )
  await mkdir(join(folder, 'folder__2020-01-01'), { recursive: true })
  return folder
}

type Report = { name: string; created_date: string; download_url: string }

const path = '/api/v1/programs/{masters}/reports'

async function list(query = '', as: Case['as'] = 'reporter', from = path): Promise<Report[]> {
  const { status, body } = await ask(scene, { path: from + query, ...(as && { as }) })
  expect(status).toBe(200)
  return body as Report[]
}

describe('the list of reports', () => {
  test.each(['v1', 'v2'])(
    'tells each file whose name tells a day, in order of names (%s)',
    async (version) => {
      const reports = await list('', 'reporter', path.replace('v1', version))
      expect(reports.map(({ name, created_date }) => [name, created_date])).toEqual(dated)
      expect(Object.keys(reports[0] ?? {})).toEqual(['name', 'created_date', 'download_url'])
    },
  )

  test.each<[day: string, first: string]>([
    ['2000-01-01', '2019-01-05'],
    ['2022-05-06', '2022-05-06'],
    ['2022-05-07', '2026-01-05'],
    ['2022-5-7', '2026-01-05'],
  ])('from %s on', async (day, first) => {
    const days = (await list(`?min_created_date=${day}`)).map(({ created_date }) => created_date)
    expect(days.toSorted()[0]).toBe(first)
    expect(days).toHaveLength(dated.filter(([, date]) => date >= first).length)
  })

  test('is empty when nothing is that new', async () => {
    expect(await list('?min_created_date=2026-01-06')).toEqual([])
  })

  test('given twice, the last day counts', async () => {
    expect(await list('?min_created_date=2000-01-01&min_created_date=2026-01-06')).toEqual([])
  })

  test('is there for every type of program', async () => {
    const reports = await list('', 'reporter', '/api/v1/programs/{micro}/reports')
    expect(reports.map(({ name }) => name)).toEqual(['micro__2020-01-01.csv'])
  })

  test('is empty where there is no folder', async () => {
    const key = `${scene.school.key}-unreported`
    await scene.world.operator.catalog.createProgram({ key, organizationKey: scene.school.key })
    expect(await list('', 'reporter', `/api/v1/programs/${key}/reports`)).toEqual([])
  })

  test('has links to the files, which open for whoever holds them and no other way', async () => {
    for (const { name, download_url: url } of await list()) {
      expect(url.startsWith(`${scene.names.gateway}/api/media/program-reports/`)).toBe(true)
      const { status, text, headers } = await callRest(url)
      expect([status, text]).toEqual([200, `report ${name}`])
      expect(headers.get('content-disposition')).toMatch(/^attachment; filename=/)
      const link = new URL(url)
      link.pathname = link.pathname.replace(encodeURIComponent(name), 'bad_1')
      expect((await callRest(link.href)).status).toBe(404)
      expect(
        (await callRest(url.split('?', 1)[0] ?? '', { token: await scene.cast.token('root') })).status,
      ).toBe(404)
    }
  })
})

describe('what is asked of reports', () =>
  runCases(
    () => scene,
    inBothVersions([
      ...(['reporter', 'owner', 'programReporter', 'root'] as const).map((as) => ({
        name: `${as} may`,
        path,
        as,
        status: 200,
      })),
      ...(['viewer', 'reader', 'writer', 'programReader', 'stranger', 'staff', 'everywhere'] as const).map(
        (as) => ({
          name: `${as} may not`,
          path,
          as,
          status: 403,
          json: notPermitted,
        }),
      ),
      ...[
        '',
        'x',
        '2020-13-01',
        '2020-02-30',
        '2020-01-01T00:00:00',
        '20200101',
        '2020/01/01',
        '+2020-01-01',
        '%00',
        ' 2020-01-01',
      ].map((day) => ({
        name: `min_created_date "${day}" is 400`,
        path: `${path}?min_created_date=${encodeURIComponent(day).replace('%2500', '%00')}`,
        as: 'reporter' as const,
        status: 400,
        json: ['expected min_created_date to be a date of the form YYYY-MM-DD'],
      })),
      {
        name: 'a program that is not there',
        path: '/api/v1/programs/nowhere/reports',
        as: 'reporter',
        status: 404,
        json: notFound,
      },
      {
        name: 'a slash at the end',
        path: `${path}/?min_created_date=2026-01-06`,
        as: 'reporter',
        status: 200,
        text: '[]',
      },
    ]),
  ))
