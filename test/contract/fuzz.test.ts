import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { JobState } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type Answer, callRest } from '../fixtures/rest.ts'
import { openScene, type Scene } from './ask.ts'
import { faultBySchema, faultInAnswer, findRoute } from './declared.ts'
import type { Known } from './fuzz-bodies.ts'
import { createPlainClient } from './fuzz-client.ts'
import { type FuzzRequest, requestsFor } from './fuzz-requests.ts'
import { type ApiDocument, operationsOf } from './operations.ts'
import { runJob } from './run-job.ts'

/** How many requests; `FUZZ_REQUESTS` makes a run longer, `FUZZ_SEED` another one. */
const count = Number(process.env.FUZZ_REQUESTS ?? 10_000)
const seed = Number(process.env.FUZZ_SEED ?? 20_260_105)
const concurrency = 16

let scene: Scene
let document: ApiDocument
let known: Known

beforeAll(async () => {
  scene = await openScene()
  document = (await callRest(`${scene.names.gateway}/api-docs/openapi.json`)).body as ApiDocument
  await scene.school.enroll(scene.school.masters, 20, 'l')
  const { job } = await runJob(scene, { path: '/api/v1/programs/{masters}/enrollments', as: 'owner' })
  const { org = '', masters = '', micro = '', run = '', plain = '', external = '' } = scene.names
  known = {
    program_key: [masters, masters, masters, micro, 'nowhere'],
    course_id: [run, external, plain, 'Org/Course/Run', 'nowhere'],
    job_id: [job.job_id, job.job_id, 'ffff'],
    org: [org, 'nowhere', ''],
    student_key: Array.from({ length: 20 }, (_, number) => `l${String(number).padStart(6, '0')}`),
    status: ['enrolled', 'pending', 'suspended', 'canceled', 'ended', 'active', 'inactive', 'x'],
    page: ['1', '2', 'last', '0'],
    page_size: ['1', '2', '100', '0'],
  }
})

test(
  `${count} requests made from the document are answered as it says (seed ${seed})`,
  async () => {
    const requests = fc.sample(
      fc.oneof(...operationsOf(document).map((operation) => requestsFor(operation, known))),
      { seed, numRuns: count },
    )
    const client = createPlainClient(scene.world.addresses.gateway, concurrency)
    const met = new Map<string, number>()
    const faults = new Map<string, string>()
    const queue = requests.values()
    const began = performance.now()
    const work = async () => {
      for (const request of queue) {
        const { method, path, body, operation } = request
        const headers = { ...request.headers, ...(await headersOf(request)) }
        const answer = await client.send({ method, path, headers, ...(body !== undefined && { body }) })
        met.set(String(answer.status), (met.get(String(answer.status)) ?? 0) + 1)
        const fault = faultIn(request, answer)
        if (fault === undefined) continue
        const shown = {
          method,
          path: path.slice(0, 300),
          headers: request.headers,
          body: body && Buffer.from(body).toString().slice(0, 300),
        }
        faults.set(
          `${operation.method} ${operation.path}: ${fault}`,
          `${answer.status} ${answer.text.slice(0, 200)} to ${JSON.stringify(shown)}`,
        )
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work))
    client.close()
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    console.log(
      `${requests.length} requests in ${seconds} s, seed ${seed}: ${JSON.stringify(Object.fromEntries([...met].sort()))}`,
    )

    expect(Object.fromEntries(faults)).toEqual({})
    // A run that met nothing but refusals would show little.
    const wanted = ['200', '202', '400', '401', '403', '404', '405', '406', '415', '422']
    if (count >= 10_000) expect(wanted.filter((status) => (met.get(status) ?? 0) < 5)).toEqual([])
    expect(await statesOfJobs()).toEqual([JobState.SUCCEEDED])
  },
  Math.max(600_000, count * 30),
)

/** The states in which the jobs of this file’s people have ended. */
async function statesOfJobs(): Promise<JobState[]> {
  const unfinished: JobState[] = [JobState.PENDING, JobState.IN_PROGRESS, JobState.RETRYING]
  for (;;) {
    const states = new Set<JobState>()
    let pageToken = ''
    do {
      const page = await scene.world.operator.jobs.listJobs({ pageSize: 1_000, pageToken })
      for (const { username, state } of page.jobs) if (username.endsWith(scene.school.key)) states.add(state)
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    // A job that was canceled by the cancel operation has ended as it should.
    if (!unfinished.some((state) => states.has(state)))
      return [...states].filter((state) => state !== JobState.CANCELED)
    await sleep(200)
  }
}

async function headersOf({ credentials }: FuzzRequest): Promise<Record<string, string>> {
  switch (credentials.kind) {
    case 'nobody':
      return {}
    case 'nonsense':
      return { authorization: credentials.authorization }
    case 'header':
      return { authorization: `JWT ${await scene.cast.token(credentials.as)}` }
    case 'cookie':
      return { cookie: `edx-jwt-cookie=${await scene.cast.token(credentials.as)}` }
  }
}

/** Why an answer is not one that the document declares; for a method or path that it does not have, one that the gateway’s routes do not. */
function faultIn({ operation, method, path, parameters }: FuzzRequest, answer: Answer): string | undefined {
  if (answer.status >= 500) return `status ${answer.status}`
  if (answer.headers.has('x-injected')) return 'a header of the caller’s making'
  const { parameters: declared = [] } = operation.operation
  const isOperation =
    method === operation.method &&
    !path.split('?', 1)[0]?.endsWith('//') &&
    declared.every(
      ({ name, in: where, schema }) =>
        where !== 'path' || faultBySchema(schema, (parameters[name] ?? '').toWellFormed()) === undefined,
    )
  if (!isOperation) return faultInAnswer(findRoute(scene.routes, method, path), method, answer)
  const response = operation.responses[answer.status]
  if (response === undefined) return `status ${answer.status} is not declared`
  const type = answer.headers.get('content-type')
  if (method === 'HEAD' || response.content === undefined)
    return answer.text === '' ? undefined : 'a body where none is declared'
  const media = response.content[type ?? '']
  if (media === undefined) return `content type ${type} is not declared for ${answer.status}`
  return faultBySchema(media.schema, answer.body)
}
