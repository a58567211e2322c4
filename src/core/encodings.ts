/** The shapes in which a secret turns up in output, headers, logs and command lines. */

/** Below this a text is too common to be hidden: everything would be stars. */
const SHORTEST = 6
/** A line of a longer secret is hidden by itself from here on. */
const SHORTEST_LINE = 8

/** Words that people set as passwords and that logs say all day. */
const WORDS = new Set(
  `admin administrator backend changeme database default deploy deployer development disabled docker
  enabled example false foobar frontend hello localhost master nobody nothing password passwd passw0rd
  postgres postgresql private prod production public qwerty release runbook sandbox secret server
  service staging string system test testing tester token undefined unknown username welcome`.split(
    /\s+/,
  ),
)

/** Too short, a common word, a small number or one character repeated: hiding it would hide the log. */
export function isWeak(value: string): boolean {
  return (
    value.trim().length < SHORTEST ||
    WORDS.has(value.trim().toLowerCase()) ||
    /^(.)\1*$/s.test(value)
  )
}

/**
 * Every text that gives a secret away: itself, what it is encoded to, its lines, and the password of
 * a URL. None is shorter than six characters.
 */
export function formsOf(secret: string): Set<string> {
  const forms = new Set<string>()
  for (const text of partsOf(secret)) {
    for (const form of encodingsOf(text)) if (form.length >= SHORTEST) forms.add(form)
  }
  return forms
}

/** The shortest text that `formsOf` gives. */
export const SHORTEST_FORM = SHORTEST

function partsOf(secret: string): Set<string> {
  const parts = new Set([secret])
  const trimmed = secret.trim()
  if (!isWeak(trimmed)) parts.add(trimmed)
  for (const password of passwordsOf(trimmed)) if (!isWeak(password)) parts.add(password)
  const lines = secret.split(/\r?\n/)
  if (lines.length > 1) {
    parts.add(lines.join('\n')).add(lines.join('\r\n'))
    for (const line of lines.map((l) => l.trim())) {
      // The frame of a PEM file is the same for everybody.
      if (line.length >= SHORTEST_LINE && !line.startsWith('-----') && !isWeak(line))
        parts.add(line)
    }
  }
  return parts
}

/** The password of `scheme://user:password@host` or `?password=`, as it stands there and decoded. */
function passwordsOf(text: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return []
  // Not the URL class: it refuses URLs of several hosts, and encodes what was not encoded. A password
  // that should have been encoded may hold `@` and `/`; where it ends is then anybody's guess: both.
  const user = /^[^:]*:\/\/[^:@/?#]*:/.exec(text)?.[0]
  const rest = user === undefined ? '' : text.slice(user.length)
  const found = [/^[^@/?#]+(?=@)/, /^[^/?#]+(?=@)/, /^.+(?=@)/s].flatMap(
    (r) => r.exec(rest)?.[0] ?? [],
  )
  for (const [, password = ''] of text.matchAll(/[?&]password=([^&#]*)/gi)) found.push(password)
  return found.flatMap((password) => {
    try {
      return [password, decodeURIComponent(password)]
    } catch {
      return [password]
    }
  })
}

function* encodingsOf(text: string): Generator<string> {
  yield text
  yield* base64Of(text)
  const hex = Buffer.from(text).toString('hex')
  yield hex
  yield hex.toUpperCase()
  yield* percentOf(text)
  yield* jsonOf(text)
  yield* shellOf(text)
  yield* htmlOf(text)
  yield text.replaceAll("'", "''") // in SQL
}

function* base64Of(text: string): Generator<string> {
  const bytes = Buffer.from(text)
  const found: string[] = []
  for (const before of [0, 1, 2]) {
    // Of what stands before and after it nothing is known: only the characters between, whose six
    // bits are all the secret's, are the same wherever it is embedded.
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const end = Math.floor(((before + bytes.length) * 8) / 6)
    found.push(encoded.slice(Math.ceil((before * 8) / 6), end))
  }
  const whole = [bytes, Buffer.from(`${text}\n`)].map((b) => b.toString('base64'))
  found.push(...whole, ...whole.map((w) => w.replace(/=+$/, '')))
  // `base64` and PEM break their lines.
  for (const width of [64, 76]) {
    for (const w of whole) {
      if (w.length > width) found.push(...chunks(w, width).filter((line) => line.length >= 16))
    }
  }
  for (const form of found) {
    yield form
    yield form.replaceAll('+', '-').replaceAll('/', '_')
  }
}

function chunks(text: string, width: number): string[] {
  return Array.from({ length: Math.ceil(text.length / width) }, (_, i) =>
    text.slice(i * width, (i + 1) * width),
  )
}

function* percentOf(text: string): Generator<string> {
  const well = text.toWellFormed()
  const component = encodeURIComponent(well)
  const strict = component.replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  const form = new URLSearchParams([['', well]]).toString().slice(1)
  for (const encoded of [component, strict, form, encodeURI(well)]) {
    yield encoded
    yield encoded.replace(/%[0-9A-F]{2}/g, (c) => c.toLowerCase())
  }
}

function* jsonOf(text: string): Generator<string> {
  const plain = JSON.stringify(text).slice(1, -1)
  const unicode = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  yield plain
  yield plain.replaceAll('/', '\\/')
  yield plain.replace(/[<>&'\u2028\u2029]/g, unicode)
  yield plain.replace(/[^\0-\x7f]/g, unicode)
  yield JSON.stringify(plain).slice(1, -1) // JSON as a text within JSON
}

function* shellOf(text: string): Generator<string> {
  yield text.replaceAll("'", `'\\''`)
  yield text.replaceAll("'", `'"'"'`)
  yield text.replace(/["$`\\!]/g, '\\$&')
  // bash's own `%q`: some signs only where they would mean something.
  yield text.replace(/[ \t'"\\|&;()<>!{}*[\]?^$`,]|^[#~]|(?<=[:=])~/g, '\\$&')
  yield text.replace(/[^\w@%+=:,./-]/g, (c) => (c === '\n' ? "$'\\n'" : `\\${c}`))
  const ansi = text
    .replace(/['\\]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
  yield ansi
}

function* htmlOf(text: string): Generator<string> {
  const some = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const more = some.replaceAll('"', '&quot;')
  yield some
  yield more
  for (const apostrophe of ['&#39;', '&#039;', '&#x27;', '&apos;']) {
    yield more.replaceAll("'", apostrophe)
  }
}
