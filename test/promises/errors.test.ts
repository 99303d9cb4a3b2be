import { readFileSync } from 'node:fs'
import { Code } from '@connectrpc/connect'
import { expect, test } from 'vitest'
import { type KnownReason, Reason } from '#kit/errors.ts'
import { codeOf } from '#kit/rpc-errors.ts'
import { rowOf } from '../../gateway/src/http-errors.ts'

const proto = readFileSync(new URL('../../proto/registrar/errors/v1/reason.proto', import.meta.url), 'utf8')

/** What the proto says of each reason, without the code, which has a column of its own. */
const meanings = new Map(
  [...proto.matchAll(/((?: {2}\/\/ .*\n)+) {2}REASON_(\w+) = \d+;/g)].map(([, comment = '', name = '']) => [
    name,
    comment
      .replaceAll(/ *\/\/ /g, ' ')
      .replace(/\s*\([A-Z_]+(, HTTP \d+)?\)\s*$/, '')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  ]),
)

const introduction = `# Why a call is refused

An RPC error carries \`google.rpc.ErrorInfo\` with a reason from the first column and the domain \`registrar\`; \`BadRequest\` names fields and \`RetryInfo\`
says when to come back. The gateway turns the reason into a status and a JSON body. 429, 502, 503 and 504 carry \`Retry-After\`, as does the 409 of a key in use.

This page is made from the tables in the code by \`npx vitest run --project unit test/promises/errors.test.ts -u\`.

| reason | meaning | code | HTTP | body |
|---|---|---|---|---|
`

test('docs/errors.md shows the reasons with what the code makes of them', async () => {
  const rows = Object.values(Reason)
    .filter((reason): reason is KnownReason => typeof reason === 'number' && reason !== Reason.UNSPECIFIED)
    .map((reason) => {
      const name = Object.entries(Reason).find(([, value]) => value === reason)?.[0] ?? ''
      const { status, body } = rowOf[reason]
      return `| \`${name}\` | ${meanings.get(name)} | \`${snake(Code[codeOf[reason]])}\` | ${status} | \`${JSON.stringify(body('…'))}\` |`
    })

  expect(rows).toHaveLength(meanings.size - 1)
  await expect(`${introduction}${rows.join('\n')}\n`).toMatchFileSnapshot('../../docs/errors.md')
})

function snake(name: string): string {
  return name.replaceAll(/(?<!^)([A-Z])/g, '_$1').toUpperCase()
}
