import { pageByNumber } from './list.ts'
import { requireService, type TokenIssuer } from './oauth.ts'
import { type StandIn, startStandIn, urlOf } from './server.ts'

/** A program as Discovery tells it. Anything may be put in: the stand-in hands it out as it is. */
export type DiscoveryProgram = { uuid: string; [field: string]: unknown }
export type DiscoveryOrganization = { uuid: string; key: string; name: string; [field: string]: unknown }

/** A Discovery that knows what it is told and believes the tokens of the LMS. */
export type DiscoveryStandIn = StandIn & {
  programs: Map<string, DiscoveryProgram>
  organizations: DiscoveryOrganization[]
}

const slugs: Record<string, string> = {
  Masters: 'masters',
  MicroMasters: 'micromasters',
  'Professional Certificate': 'professional-certificate',
  MicroBachelors: 'microbachelors',
  XSeries: 'xseries',
}

export async function startDiscovery(tokens: TokenIssuer, port = 0): Promise<DiscoveryStandIn> {
  const programs = new Map<string, DiscoveryProgram>()
  const organizations: DiscoveryOrganization[] = []
  const preHandler = requireService(tokens)

  const server = await startStandIn(port, (app) => {
    app.get<{ Params: { uuid: string } }>('/api/v1/programs/:uuid', (request, reply) => {
      const { pathname, search } = urlOf(request)
      return reply.redirect(`${pathname}/${search}`, 301)
    })
    app.get<{ Params: { uuid: string } }>('/api/v1/programs/:uuid/', { preHandler }, (request, reply) => {
      const program = programs.get(request.params.uuid.toLowerCase())
      return program ?? reply.code(404).send({ detail: 'Not found.' })
    })
    app.get('/api/v1/programs/', { preHandler }, (request) => {
      const url = urlOf(request)
      return pageByNumber(filterPrograms([...programs.values()], url.searchParams), url)
    })
    app.get('/api/v1/organizations/', { preHandler }, (request) =>
      pageByNumber(organizations, urlOf(request)),
    )

    app.post('/_control/programs', (request) => {
      for (const program of request.body as DiscoveryProgram[]) programs.set(program.uuid, program)
      return { programs: programs.size }
    })
    app.post('/_control/organizations', (request) => {
      organizations.push(...(request.body as DiscoveryOrganization[]))
      return { organizations: organizations.length }
    })
    app.post('/_control/reset', () => {
      programs.clear()
      organizations.length = 0
      return {}
    })
  })
  return { ...server, programs, organizations }
}

/** `types` (slugs), `status` and `uuids`, each a list with commas; all must hold. */
function filterPrograms(programs: DiscoveryProgram[], query: URLSearchParams): DiscoveryProgram[] {
  const listOf = (name: string) => query.get(name)?.split(',').filter(Boolean)
  const [types, statuses, uuids] = [listOf('types'), listOf('status'), listOf('uuids')]
  return programs.filter(
    ({ uuid, type, status }) =>
      (types?.includes(slugs[String(type)] ?? '') ?? true) &&
      (statuses?.includes(String(status)) ?? true) &&
      (uuids?.includes(uuid) ?? true),
  )
}

/** What Discovery tells of a program with one active curriculum, fields that nobody here reads among it. */
export function describeProgram(program: {
  uuid: string
  title: string
  type?: string
  status?: string
  marketingSlug?: string
  organizations?: { uuid: string; key: string }[]
  curriculumUuid: string
  /** Each in a course of its own, in this order. */
  courseRuns: { key: string; externalKey?: string | null; title: string }[]
}): DiscoveryProgram {
  const { uuid, title, type = 'Masters', status = 'active', organizations = [], curriculumUuid } = program
  const slug = program.marketingSlug ?? title.toLowerCase().replaceAll(/[^a-z\d]+/g, '-')
  return {
    uuid,
    title,
    subtitle: '',
    type,
    status,
    marketing_slug: slug,
    marketing_url: `https://www.example.org/${slugs[type] ?? 'programs'}/${slug}`,
    hidden: false,
    authoring_organizations: organizations.map((each) => ({ ...each, name: each.key, logo_image_url: null })),
    courses: [],
    curricula: [
      {
        uuid: curriculumUuid,
        name: title,
        is_active: true,
        programs: [],
        courses: program.courseRuns.map(describeCourse),
      },
    ],
  }
}

function describeCourse(run: { key: string; externalKey?: string | null; title: string }) {
  const { key, title, externalKey = null } = run
  const courseKey = key.replace(/^course-v1:/, '').replace(/[+/][^+/]*$/, '')
  const marketing_url = `https://www.example.org/course/${encodeURIComponent(courseKey)}`
  const courseRun = { key, external_key: externalKey, title, marketing_url, status: 'published', seats: [] }
  return { key: courseKey, title, course_runs: [courseRun] }
}
