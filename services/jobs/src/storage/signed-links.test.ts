import { expect, test } from 'vitest'
import { createSignedLinks, isSigned } from './signed-links.ts'

const options = {
  apiRoot: 'https://registrar.example.com/api',
  secret: 'a secret of this test',
  ttlSeconds: 60,
}

async function makeLink(bucket: string, key: string) {
  const { url, expiresAt } = await createSignedLinks(options).linkTo(bucket, key)
  const { searchParams, pathname } = new URL(url)
  return {
    ...{ url, pathname, expiresAt },
    link: {
      ...{ bucket, key },
      expires: Number(searchParams.get('expires')),
      signature: searchParams.get('signature') ?? '',
    },
  }
}

test('a link names its object under the API root and works until it expires', async () => {
  const { url, link, expiresAt } = await makeLink('registrar', 'job-results/1.json')
  expect(url).toMatch(
    /^https:\/\/registrar\.example\.com\/api\/media\/registrar\/job-results\/1\.json\?expires=\d+&signature=[\w-]{43}$/,
  )
  expect(expiresAt.getTime()).toBe(link.expires * 1000)
  expect(Math.abs(link.expires - Date.now() / 1000 - 60)).toBeLessThan(5)
  expect(isSigned(options.secret, link, link.expires - 1)).toBe(true)
  expect(isSigned(options.secret, link, link.expires)).toBe(false)
})

test('names are written so that they come back as they were', async () => {
  const { pathname } = await makeLink('program-reports', 'f/a b?c#d&é__2020-01-02.csv')
  expect(pathname.split('/').slice(3).map(decodeURIComponent)).toEqual([
    'program-reports',
    'f',
    'a b?c#d&é__2020-01-02.csv',
  ])
})

test('a link proves one object, one time and one secret', async () => {
  const { link } = await makeLink('registrar', 'job-results/1.json')
  const now = link.expires - 1
  for (const forged of [
    { ...link, bucket: 'other' },
    { ...link, key: 'job-results/2.json' },
    { ...link, expires: link.expires + 1 },
    { ...link, expires: Number.NaN },
    { ...link, signature: '' },
    { ...link, signature: link.signature.slice(1) },
    { ...link, signature: `${link.signature}A` },
    { ...link, signature: link.signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) },
    // The same text cut at another place.
    { ...link, bucket: 'registrar/job-results', key: '1.json' },
  ]) {
    expect(isSigned(options.secret, forged, now)).toBe(false)
  }
  expect(isSigned('another secret', link, now)).toBe(false)
})
