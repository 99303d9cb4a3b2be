/** How long copies of Discovery's details are what they are taken for, in seconds. */
export type FreshnessLimits = {
  /** After that a copy is still answered, while a new one is fetched. */
  fresh: number
  /** After an attempt in vain Discovery is not asked about the program for so long. */
  negative: number
  /** How long an attempt may take; after that another process may make one. */
  claim: number
}

/** The limits as moments. */
export type Moments = { now: Date; freshSince: Date; negativeSince: Date; claimedUntil: Date }

export function momentsAt(now: Date, limits: FreshnessLimits): Moments {
  const after = (seconds: number) => new Date(now.getTime() + seconds * 1_000)
  return {
    now,
    freshSince: after(-limits.fresh),
    negativeSince: after(-limits.negative),
    claimedUntil: after(limits.claim),
  }
}

/** A program of which the details have to be fetched: now, with the caller waiting, or soon, since what is known will do. */
export type DueProgram = { id: string; discoveryUuid: string; due: 'now' | 'soon' }

/** Those of some programs of which the details have to be fetched. */
export function dueAmong(
  programs: readonly { id: string; discoveryUuid: string; due?: DueProgram['due'] | null }[],
): DueProgram[] {
  return programs.flatMap(({ id, discoveryUuid, due }) => (due ? [{ id, discoveryUuid, due }] : []))
}
