/**
 * Looks into shell scripts for one thing: a secret as an argument of a program, where `ps` shows it to
 * everybody. It knows as much of the shell as that needs: quotes, comments, here-documents, what is a
 * command and what its arguments.
 */

/** A command that the shell starts: its words as they are written. */
interface Command {
  words: { text: string; offset: number }[]
}

/** Built into the shell, so that no process gets to see their arguments. */
const BUILTINS = new Set(
  `: . [ [[ alias break builtin case cd command continue declare do done echo elif else esac eval exit
  export false fi for function getopts hash if in let local mapfile popd printf pushd pwd read readarray
  readonly return select set shift source test then time trap true type typeset ulimit umask unset
  until wait while { } ! ((`.split(/\s+/),
)

/** Words after which a command begins, as after a semicolon. */
const OPENERS = new Set(['!', '{', 'do', 'else', 'elif', 'if', 'then', 'time', 'until', 'while'])

/** Where a variable (`$NAME`, `${NAME…}`) is an argument of a program: the program, and the offset. */
export function secretArguments(
  script: string,
  names: ReadonlySet<string>,
): { program: string; variable: string; offset: number }[] {
  const own = new Set(
    [...script.matchAll(/^\s*(?:function\s+)?([\w-]+)\s*\(\)/gm)].map((m) => m[1]),
  )
  return commandsOf(script).flatMap(({ words }) => {
    const rest = words.slice(words.findIndex(({ text }) => !/^\w+\+?=/.test(text)))
    const [program, ...given] = rest
    if (program === undefined || /^\w+\+?=/.test(program.text)) return []
    if (BUILTINS.has(program.text) || own.has(program.text)) return []
    return given.flatMap(({ text, offset }) =>
      [...expanded(text)].flatMap(([variable, at]) =>
        names.has(variable)
          ? [{ program: program.text.slice(0, 40), variable, offset: offset + at }]
          : [],
      ),
    )
  })
}

/** The names of variables that a script reads, each with the offset of its first use. */
export function variablesIn(script: string): Map<string, number> {
  return new Map(
    commandsOf(script)
      .flatMap(({ words }) => words)
      .flatMap(({ text, offset }) =>
        [...expanded(text)].map(([n, at]) => [n, offset + at] as const),
      )
      .toReversed(),
  )
}

/** Variables that a word expands: not in single quotes, not `${#NAME}`, not behind a backslash. */
function* expanded(word: string): Generator<[name: string, offset: number]> {
  const parts = /\\.|'[^']*'|"(?:\\.|[^"\\])*"|\$\{?([A-Za-z_]\w*)|[^\\'"$]+|[\s\S]/g
  for (const part of word.matchAll(parts)) {
    if (part[1] !== undefined) yield [part[1], part.index]
    else if (part[0].startsWith('"')) {
      for (const inner of part[0].matchAll(/\\.|\$\{?([A-Za-z_]\w*)/g)) {
        if (inner[1] !== undefined) yield [inner[1], part.index + inner.index]
      }
    }
  }
}

/** Cuts a script into the commands that it starts, those inside `$( )` included. */
function commandsOf(script: string): Command[] {
  const commands: Command[] = []
  let words: Command['words'] = []
  const documents: string[] = []
  const end = (): void => {
    if (words.length > 0) commands.push({ words })
    words = []
  }
  let at = 0
  while (at < script.length) {
    const rest = script.slice(at)
    const blank = /^(?:[ \t]+|\\\n)/.exec(rest)
    const redirect = /^\d*(?:<<<|<<-?|>>|>&|<&|&>>?|<|>\|?)\s*/.exec(rest)
    if (blank !== null) at += blank[0].length
    else if (rest.startsWith('#')) at += /^[^\n]*/.exec(rest)?.[0].length ?? 0
    else if (rest.startsWith('\n')) {
      end()
      at += 1
      for (const tag of documents.splice(0)) at = afterDocument(script, at, tag)
    } else if (redirect !== null) {
      at += redirect[0].length
      const target = wordAt(script, at)
      if (/<<-?\s*$/.test(redirect[0]) && !redirect[0].includes('<<<')) {
        documents.push(target.replace(/['"\\]/g, ''))
      }
      at += target.length
    } else if (/^[;&|()]/.test(rest)) {
      end()
      at += 1
    } else {
      const text = wordAt(script, at)
      for (const inner of substitutions(text)) {
        for (const command of commandsOf(inner.text)) {
          commands.push({
            words: command.words.map((w) => ({ ...w, offset: w.offset + at + inner.offset })),
          })
        }
      }
      // What stands in `$( )` has just been looked at as commands of their own.
      words.push({ text: blankSubstitutions(text), offset: at })
      at += Math.max(1, text.length)
      if (OPENERS.has(text) && words.length === 1) end()
    }
  }
  end()
  return commands
}

function afterDocument(script: string, from: number, tag: string): number {
  const lines = script.slice(from).split('\n')
  const last = lines.findIndex((line) => line.trim() === tag)
  const taken = last < 0 ? lines : lines.slice(0, last + 1)
  return from + taken.reduce((sum, line) => sum + line.length + 1, 0)
}

/** The word that begins at an offset, quotes and substitutions included. */
function wordAt(script: string, from: number): string {
  let at = from
  while (at < script.length) {
    const rest = script.slice(at)
    const part =
      /^(?:\\[\s\S]|'[^']*'?|"(?:\\[\s\S]|\$\((?:[^()]|\([^()]*\))*\)|[^"\\])*"?|\$\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|\$\{[^}]*\}?|`[^`]*`?|[^\s;&|()<>])/.exec(
        rest,
      )
    if (part === null) break
    at += part[0].length
  }
  return script.slice(from, at)
}

const SUBSTITUTION = /\$\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)|`([^`]*)`/g

function substitutions(word: string): { text: string; offset: number }[] {
  if (word.startsWith("'")) return []
  return [...word.matchAll(SUBSTITUTION)].map((match) => ({
    text: match[1] ?? match[2] ?? '',
    offset: match.index + (match[1] === undefined ? 1 : 2),
  }))
}

function blankSubstitutions(word: string): string {
  return word.replace(SUBSTITUTION, (all) => ' '.repeat(all.length))
}
