/** A terminal in memory, as far as the live view uses one: what a person would see. */
export interface Screen {
  write(text: string): void
  /** The rows without blanks at their ends and without empty rows at the bottom. */
  rows(): string[]
  cursorShown(): boolean
  /** Something was written that this terminal does not know. */
  unknown: string[]
}

/** Text is taken to be one column a sign; lines longer than the screen are cut, as wrapping is off. */
export function screen(rows: number, columns: number): Screen {
  let grid: string[] = Array.from({ length: rows }, () => '')
  let [row, column, shown] = [0, 0, true]
  const unknown: string[] = []

  const put = (text: string) => {
    const line = (grid[row] ?? '').padEnd(column)
    grid[row] = (line.slice(0, column) + text + line.slice(column + text.length)).slice(0, columns)
    column = Math.min(columns, column + text.length)
  }
  const csi = (parameters: string, final: string) => {
    if (final === 'm' || (/^\?(7|2026)$/.test(parameters) && 'hl'.includes(final))) return
    if (parameters === '?25') shown = final === 'h'
    else if (final === 'A') row = Math.max(0, row - Number(parameters || 1))
    else if (final === 'K' && parameters === '2') grid[row] = ''
    else if (final === 'J' && parameters === '')
      grid = grid.map((line, i) => (i < row ? line : i === row ? line.slice(0, column) : ''))
    else unknown.push(parameters + final)
  }
  return {
    unknown,
    write(text) {
      for (const part of text.match(/\x1b\[[?\d;]*[A-Za-z]|[\r\n]|[^\r\n\x1b]+|\x1b/g) ?? []) {
        const sequence = /^\x1b\[([?\d;]*)([A-Za-z])$/.exec(part)
        if (sequence !== null) csi(sequence[1] ?? '', sequence[2] ?? '')
        else if (part === '\r') column = 0
        else if (part === '\n') {
          // As the terminal driver does with what programs write.
          column = 0
          row += 1
          if (row < rows) continue
          grid = [...grid.slice(1), '']
          row = rows - 1
        } else if (part === '\x1b') unknown.push('ESC')
        else put(part)
      }
    },
    rows() {
      const lines = grid.map((line) => line.trimEnd())
      while (lines.at(-1) === '') lines.pop()
      return lines
    },
    cursorShown: () => shown,
  }
}
