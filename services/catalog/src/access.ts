import type { HandlerContext } from '@connectrpc/connect'
import type { Caller } from '#proto/registrar/accesscontrol/v1/user_pb.ts'
import type { AccessControl } from './clients/access-control.ts'
import { dueAmong } from './domain/freshness.ts'
import { concernsEnrollments, effectiveOn, type Permission } from './domain/permission.ts'
import type { Program } from './domain/program.ts'
import { programNotFound, staffNeeded, superuserNeeded, typeUndecided } from './domain/refusals.ts'
import type { ProgramDetails } from './program-details.ts'
import type { ProgramStore } from './store/programs.ts'

/** A program as one caller finds it. */
export type OpenProgram = {
  program: Program
  /** Absent for our own processes. */
  caller: Caller | undefined
  /** Empty for our own processes. */
  permissions: Permission[]
  /**
   * Whether the caller may do what the permission is for; our own processes may. UPSTREAM_UNAVAILABLE when only Discovery could
   * decide that.
   */
  may(permission: Permission): boolean
}

type Sources = {
  programs: Pick<ProgramStore, 'find'>
  accessControl: AccessControl
  details: Pick<ProgramDetails, 'fetch'>
}

/** Finds a program and what the caller may do on it. An inactive user is told so before PROGRAM_NOT_FOUND is. */
export async function openProgram(
  { programs, accessControl, details }: Sources,
  key: string,
  context: HandlerContext,
): Promise<OpenProgram> {
  const found = await programs.find(key)
  if (found === undefined) {
    await accessControl.identify(context)
    throw programNotFound()
  }
  const resolved = await accessControl.resolve(context, found)
  // Who may do nothing here learns nothing, and makes nobody ask Discovery.
  const due = resolved?.given.size === 0 ? [] : dueAmong([found])
  const program = (await details.fetch(due, context)) ? ((await programs.find(key)) ?? found) : found
  if (resolved === undefined) return { program, caller: undefined, permissions: [], may: () => true }
  const permissions = effectiveOn(program, (permission) => resolved.given.has(permission))
  return {
    program,
    caller: resolved.caller,
    permissions,
    may(permission) {
      const isUndecided = program.isTypeUndecided === true && concernsEnrollments(permission)
      if (isUndecided && resolved.given.has(permission)) throw typeUndecided()
      return permissions.includes(permission)
    },
  }
}

/** Lets superusers and our own processes pass. PERMISSION_DENIED for others. */
export async function admitSuperuser(
  { accessControl }: Pick<Sources, 'accessControl'>,
  context: HandlerContext,
): Promise<Caller | undefined> {
  const caller = await accessControl.identify(context)
  if (caller?.superuser === false) throw superuserNeeded()
  return caller
}

/** Lets staff and our own processes pass. PERMISSION_DENIED for others, superusers among them. */
export async function admitStaff(
  { accessControl }: Pick<Sources, 'accessControl'>,
  context: HandlerContext,
): Promise<void> {
  const caller = await accessControl.identify(context)
  if (caller?.staff === false) throw staffNeeded()
}
