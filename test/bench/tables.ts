/** A table of figures, in Markdown. */
export type Table = { title: string; columns: readonly string[]; rows: readonly (readonly string[])[] }

export function printTable({ title, columns, rows }: Table): void {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  console.log(`\n${title}\n`)
  console.log(line(columns))
  console.log(`|${columns.map(() => '---|').join('')}`)
  for (const row of rows) console.log(line(row))
}
