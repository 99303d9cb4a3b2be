import Type, { type Static } from 'typebox'
import type { Report } from '#proto/registrar/jobs/v1/report_pb.ts'

export const reportSchema = Type.Object(
  {
    name: Type.String(),
    created_date: Type.String({ format: 'date' }),
    download_url: Type.String({ format: 'uri', description: 'Where it can be fetched, for about an hour.' }),
  },
  {
    description: 'A report on the program.',
    examples: [
      {
        name: 'individual_report__2026-01-05.csv',
        created_date: '2026-01-05',
        download_url:
          'https://registrar.example.com/api/media/program-reports/report__2026-11-24.csv?expires=1795507200&signature=abc',
      },
    ],
  },
)

export function renderReport(report: Report): Static<typeof reportSchema> {
  return { name: report.name, created_date: report.createdDate, download_url: report.downloadUrl }
}

/**
 * A day as `YYYY-MM-DD`; a month or day of one digit is taken too. Undefined when there is no such day.
 */
export function readDate(text: string): string | undefined {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text)
  if (match === null) return undefined
  const [, year = '', month = '', day = ''] = match
  const date = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  const parsed = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date) ? date : undefined
}
