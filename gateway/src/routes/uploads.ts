import fastifyMultipart, { type MultipartFile } from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Permission } from '#proto/registrar/accesscontrol/v1/permission_pb.ts'
import { JobKind } from '#proto/registrar/jobs/v1/job_pb.ts'
import { type Clients, writeOptionsOf } from '../clients.ts'
import { detail, HttpFault } from '../http-errors.ts'
import { checkIdempotencyKey } from '../idempotency-key.ts'
import { brokenOff, hasBody } from '../json-body.ts'
import { callerFaults, uploadFaults } from '../schemas/errors.ts'
import { idempotencyHeaders, replayedHeaders } from '../schemas/idempotency.ts'
import { acceptedHeaders, jobAcceptanceSchema } from '../schemas/job.ts'
import { type ProgramParams, pathParts, programParams } from '../schemas/parameters.ts'
import { checkByMethod, checkProgram } from './program-check.ts'
import { acceptJob, type JobLinks } from './read-jobs.ts'
import { addResource } from './resource.ts'

/** The largest file taken, in bytes. */
export const uploadLimit = 5_242_880

const acceptedSchema = { ...jobAcceptanceSchema, headers: { ...acceptedHeaders, ...replayedHeaders } }

/** POST /programs/P/enrollments/upload and /programs/P/course_enrollments/upload. */
export async function addUploads(app: FastifyInstance, clients: Clients, links: JobLinks): Promise<void> {
  await app.register(fastifyMultipart, {
    limits: { fileSize: uploadLimit, fieldSize: 65_536, fields: 100, files: 100, parts: 100 },
    throwFileSizeLimit: false,
  })
  addUpload(app, clients, links, {
    url: `/programs/${pathParts.program}/enrollments/upload`,
    kind: JobKind.WRITE_PROGRAM_ENROLLMENTS,
    operationId: 'upload_program_enrollments',
    summary: 'Upload a CSV of program enrollments',
  })
  addUpload(app, clients, links, {
    url: `/programs/${pathParts.program}/course_enrollments/upload`,
    kind: JobKind.WRITE_COURSE_RUN_ENROLLMENTS,
    operationId: 'upload_course_enrollments',
    summary: 'Upload a CSV of course enrollments',
  })
}

function addUpload(
  app: FastifyInstance,
  clients: Clients,
  links: JobLinks,
  upload: { url: string; kind: JobKind; operationId: string; summary: string },
): void {
  addResource(app, {
    url: upload.url,
    allow: 'POST, OPTIONS',
    name: upload.summary,
    authorize: checkByMethod(clients),
    routes: {
      POST: {
        schema: {
          operationId: upload.operationId,
          summary: upload.summary,
          tags: ['uploads'],
          params: programParams,
          headers: idempotencyHeaders,
          consumes: ['multipart/form-data'],
          body: Type.Object({
            file: Type.Unsafe({
              type: 'string',
              format: 'binary',
              description: 'CSV in UTF-8, up to 5 MiB.',
            }),
          }),
          response: { 202: acceptedSchema, ...callerFaults, ...uploadFaults },
        },
        // Before the first byte of the file is taken.
        onRequest: async (request) => {
          await checkProgram(clients, request, { permission: Permission.WRITE_ENROLLMENTS })
          checkIdempotencyKey(request)
          requireForm(request)
        },
        handler: async (request, reply) => {
          if (request.raw.destroyed) throw brokenOff()
          const { program_key: programKey } = request.params as ProgramParams
          const content = await readFile(request)
          const { job } = await clients.jobs.createUploadJob(
            { kind: upload.kind, programKey, content },
            writeOptionsOf(request, reply),
          )
          return acceptJob(reply, links, job)
        },
      },
    },
  })
}

function requireForm(request: FastifyRequest): void {
  if (!hasBody(request)) throw noFile()
  const contentType = request.headers['content-type'] ?? ''
  if (contentType.split(';', 1)[0]?.trim().toLowerCase() !== 'multipart/form-data') {
    throw detail(415, `Unsupported media type "${contentType}" in request.`)
  }
}

/** The part named `file`; of several, the last. */
async function readFile(request: FastifyRequest): Promise<Buffer> {
  let content: Buffer | undefined
  try {
    for await (const part of request.parts()) {
      if (part.type !== 'file') continue
      if (part.fieldname === 'file') content = await readPart(part)
      else part.file.resume()
    }
  } catch (error) {
    if (error instanceof HttpFault) throw error
    throw detail(
      400,
      `Multipart form parse error - ${error instanceof Error ? error.message : 'broken form'}`,
    )
  }
  if (content === undefined) throw noFile()
  return content
}

async function readPart({ file }: MultipartFile): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of file) chunks.push(chunk)
  if (file.truncated) throw detail(413, `Upload too large. Must be under ${uploadLimit} bytes`)
  return Buffer.concat(chunks)
}

function noFile(): HttpFault {
  return detail(400, 'No file content uploaded')
}
