/** What was measured of a process: at rest in milliseconds of CPU a second, for each unit of work in milliseconds, and its memory. */
export type ProcessFigures = {
  name: string
  atRest: number
  perUnit: Record<Work, number>
  mebibytes: number
}
export type Work = 'get' | 'patch' | 'read' | 'upload'
/** Bytes in PostgreSQL. */
export type StoredFigures = { enrollment: number; job: number; temporalJob: number }

/** What a school is taken for, each day. A quarter of a day's work is done in its busiest hour. */
const schoolDay: Record<Work, number> = { get: 2_000, patch: 500, read: 25, upload: 5 }
const busiestShare = 1 / 4
/** In 5 programs, each in its program and in four course runs. */
const learners = 2_000
const enrollmentsEach = 5
/** How long what is kept: jobs and workflows as the defaults and deploy/temporal-namespace.sh say; a result of a read, and its age. */
const [jobDays, workflowDays, resultDays, resultBytes] = [90, 30, 30, 20_000]

/** Cores that a process may use in the busiest hour before there is one more of it: JavaScript runs on one. */
const coresEach = 0.5

const groups: readonly [title: string, pattern: RegExp, least: number][] = [
  ['gateway', /^gateway/, 2],
  ['access-control', /^access-control$/, 1],
  ['catalog', /^catalog$/, 1],
  ['enrollment', /^enrollment$/, 1],
  ['jobs', /^jobs$/, 1],
  ['jobs worker', /^jobs-worker/, 2],
  ['PostgreSQL', /^postgres$/, 1],
  ['Temporal', /^temporal-/, 5],
  ['S3', /^s3$/, 1],
]

/** The rows of the table in docs/operations.md. */
export function sizingTable(processes: readonly ProcessFigures[], stored: StoredFigures): string[] {
  const sizes = [10, 100, 1_000]
  const needs = groups.map(([title, pattern, least]) => {
    const members = processes.filter(({ name }) => pattern.test(name))
    const needed = sizes.map((schools) => {
      const cores = sum(members.map((each) => coresOf(each, schools)))
      // Of what is not ours there is as much as in docker-compose.yml.
      const count = /^[a-z]/.test(title) ? Math.max(least, Math.ceil(cores / coresEach)) : least
      const mebibytes = (count * sum(members.map((each) => each.mebibytes))) / members.length
      return { count, cores, mebibytes }
    })
    return { title, needed }
  })
  const rows = needs.map(({ title, needed }) => {
    const cells = needed.map(
      ({ count, cores, mebibytes }) => `${count}: ${cores.toFixed(2)} cores, ${Math.round(mebibytes)} MiB`,
    )
    return `| ${title} | ${cells.join(' | ')} |`
  })
  const totals = sizes.map((_, index) => {
    const column = needs.map(({ needed }) => needed[index] as (typeof needed)[number])
    const gibibytes = sum(column.map(({ mebibytes }) => mebibytes)) / 1_024
    return `${sum(column.map(({ cores }) => cores)).toFixed(2)} cores, ${gibibytes.toFixed(1)} GiB`
  })
  const disk = sizes.map((schools) => {
    const jobsEachDay = schools * (schoolDay.read + schoolDay.upload)
    const ours = schools * learners * enrollmentsEach * stored.enrollment + jobsEachDay * jobDays * stored.job
    const temporal = jobsEachDay * workflowDays * stored.temporalJob
    const results = schools * schoolDay.read * resultDays * resultBytes
    return [ours, temporal, results].map((bytes) => `${(bytes / 1e9).toPrecision(2)} GB`).join(', ')
  })
  return [
    `| | ${sizes.map((schools) => `${schools} schools`).join(' | ')} |`,
    `|---|${sizes.map(() => '---').join('|')}|`,
    ...rows,
    `| all | ${totals.join(' | ')} |`,
    `| disk: our tables, Temporal's, results | ${disk.join(' | ')} |`,
  ]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function coresOf({ atRest, perUnit }: ProcessFigures, schools: number): number {
  const works = Object.entries(schoolDay) as [Work, number][]
  // What is lost in the noise of measuring is not less than nothing.
  const eachSecond = works.map(
    ([work, daily]) => (schools * daily * busiestShare * Math.max(0, perUnit[work])) / 3_600,
  )
  return (atRest + sum(eachSecond)) / 1_000
}
