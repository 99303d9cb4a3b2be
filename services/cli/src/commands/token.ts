import type { Command } from 'commander'
import { SignJWT } from 'jose'
import type { CommandContext } from '../command-context.ts'
import { readTokenConfig } from '../config.ts'
import { parseDuration } from '../durations.ts'
import { UsageError } from '../refusal.ts'

type Options = { email?: string; administrator?: true; expiresIn: number }

export function addToken(program: Command, { env, tell }: CommandContext): void {
  program
    .command('token')
    .description('mint a token for a user, signed with the development keys')
    .argument('<username>')
    .option('--email <address>', "the token's e-mail claim")
    .option('--administrator', 'makes the user staff')
    .option('--expires-in <duration>', '90s, 15m, 12h or 30d', parseDuration, 86_400)
    .action(async (username: string, { email, administrator, expiresIn }: Options) => {
      if (username.trim() === '' || username.length > 150) {
        throw new UsageError('A username has 1 to 150 characters.')
      }
      const { privateJwk, issuer, audience } = await readTokenConfig(env)
      const now = Math.floor(Date.now() / 1000)
      const claims = {
        preferred_username: username,
        email,
        administrator,
        is_restricted: false,
        version: '1.2.0',
      }
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid: privateJwk.kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(username)
        .setIssuedAt(now)
        .setExpirationTime(now + expiresIn)
        .sign(privateJwk)
      tell({ text: token, json: { token, expires_at: new Date((now + expiresIn) * 1000).toISOString() } })
    })
}
