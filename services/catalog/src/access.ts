import type { HandlerContext } from '@connectrpc/connect'
import type { Caller } from '#proto/registrar/accesscontrol/v1/user_pb.ts'
import type { AccessControl } from './clients/access-control.ts'
import { effectiveOn, type Permission } from './domain/permission.ts'
import type { Program } from './domain/program.ts'
import { programNotFound, staffNeeded, superuserNeeded } from './domain/refusals.ts'
import type { ProgramStore } from './store/programs.ts'

/** A program as one caller finds it. */
export type OpenProgram = {
  program: Program
  /** Absent for our own processes. */
  caller: Caller | undefined
  /** Empty for our own processes. */
  permissions: Permission[]
  /** Whether the caller may do what the permission is for; our own processes may. */
  may(permission: Permission): boolean
}

type Sources = { programs: Pick<ProgramStore, 'find'>; accessControl: AccessControl }

/** Finds a program and what the caller may do on it. An inactive user is told so before PROGRAM_NOT_FOUND is. */
export async function openProgram(
  { programs, accessControl }: Sources,
  key: string,
  context: HandlerContext,
): Promise<OpenProgram> {
  const program = await programs.find(key)
  if (program === undefined) {
    await accessControl.identify(context)
    throw programNotFound()
  }
  const resolved = await accessControl.resolve(context, program)
  if (resolved === undefined) return { program, caller: undefined, permissions: [], may: () => true }
  const permissions = effectiveOn(program, (permission) => resolved.given.has(permission))
  return {
    program,
    caller: resolved.caller,
    permissions,
    may: (permission) => permissions.includes(permission),
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
