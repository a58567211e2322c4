/** Secrets: hidden wherever text leaves the tool, sealed where they must be kept, told apart without being shown. */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { formsOf, isWeak, SHORTEST_FORM } from './encodings.ts'
import { EXIT, failure } from './errors.ts'
import type { Sealed } from './events.ts'

export interface Masker {
  /** The text with every secret, in all its encodings, replaced by `***(name)`. */
  mask(text: string): string
  /** One more secret, from now on; streams that are open know it too. */
  add(name: string, value: string): void
  /** The same for text that comes in pieces: a secret cut in two by a border is still hidden. */
  stream(): MaskStream
  /** The same for JSON values, keys included. */
  maskDeep<T>(value: T): T
  /** Whether there is anything to hide. */
  knowsAny(): boolean
  /** Names of those that are too short or too common to be hidden. */
  weakSecrets(): string[]
}

interface MaskStream {
  /** What can be shown by now: what might be the beginning of a secret is kept back. */
  write(chunk: string): string
  /** The rest. */
  end(): string
}

/** Hides secrets. Those that are too short or too common are named by `weakSecrets` instead. */
export function createMasker(secrets: Iterable<readonly [string, string]> = []): Masker {
  const forms = new Forms()
  const weak = new Set<string>()

  const add = (name: string, value: string): void => {
    if (isWeak(value)) weak.add(name)
    else for (const form of formsOf(value)) forms.add(form, `***(${name})`)
  }
  for (const [name, value] of secrets) add(name, value)

  const mask = (text: string): string => (forms.none ? text : hide(forms, text, 0, text.length).out)

  const stream = (): MaskStream => {
    let carry = ''
    let covered = 0
    return {
      write(chunk) {
        if (forms.none) return chunk
        const text = carry + chunk
        const hold = forms.beginning(text)
        const shown = hide(forms, text, covered, hold)
        carry = text.slice(hold)
        covered = Math.max(0, shown.end - hold)
        return shown.out
      },
      end() {
        const rest = hide(forms, carry, covered, carry.length).out
        carry = ''
        covered = 0
        return rest
      },
    }
  }

  return {
    mask,
    add,
    stream,
    maskDeep: (value) => (forms.none ? value : (deep(mask, value) as typeof value)),
    knowsAny: () => !forms.none,
    weakSecrets: () => [...weak],
  }
}

/**
 * The text up to `hold` with what is secret replaced; its first `covered` characters are hidden
 * already. Secrets that overlap become one, so that no end of the second one stays. `end` is where
 * the hidden or shown part ends: behind `hold` when a secret reaches over it.
 */
function hide(
  forms: Forms,
  text: string,
  covered: number,
  hold: number,
): { out: string; end: number } {
  let out = ''
  let end = covered
  for (let at = forms.next(text, 0); at !== undefined && at.start < hold;) {
    if (at.start >= end) out += text.slice(end, at.start) + at.label
    end = Math.max(end, at.start + at.length)
    at = forms.next(text, at.start + 1)
  }
  if (end >= hold) return { out, end }
  return { out: out + text.slice(end, hold), end: hold }
}

interface Found {
  start: number
  length: number
  label: string
}

/**
 * All texts to be hidden, searched for in one pass. A window as long as the shortest of them moves
 * over the text; its last two characters say how far it may jump, which is nearly always its length.
 */
class Forms {
  #jumps = new Uint8Array(65_536).fill(SHORTEST_FORM - 1)
  /** By their first characters; the longest first. */
  #byHead = new Map<string, { form: string; label: string }[]>()
  #known = new Set<string>()
  #firsts = new Set<string>()
  #longest = 0

  get none(): boolean {
    return this.#longest === 0
  }

  add(form: string, label: string): void {
    if (this.#known.has(form)) return
    this.#known.add(form)
    for (let i = 1; i < SHORTEST_FORM; i++) {
      const pair = hashPair(form.charCodeAt(i - 1), form.charCodeAt(i))
      this.#jumps[pair] = Math.min(this.#jumps[pair] ?? 0, SHORTEST_FORM - 1 - i)
    }
    const head = form.slice(0, SHORTEST_FORM)
    const same = this.#byHead.get(head) ?? []
    same.push({ form, label })
    same.sort((a, b) => b.form.length - a.form.length)
    this.#byHead.set(head, same)
    for (let i = 1; i < SHORTEST_FORM; i++) this.#firsts.add(form.slice(0, i))
    this.#longest = Math.max(this.#longest, form.length)
  }

  /** The first of them at or after `from`; of several in one place the longest. */
  next(text: string, from: number): Found | undefined {
    const jumps = this.#jumps
    const last = SHORTEST_FORM - 1
    for (let end = from + last; end < text.length;) {
      const jump = jumps[hashPair(text.charCodeAt(end - 1), text.charCodeAt(end))] ?? 0
      if (jump > 0) {
        end += jump
        continue
      }
      const start = end - last
      for (const { form, label } of this.#byHead.get(text.slice(start, end + 1)) ?? []) {
        if (text.startsWith(form, start)) return { start, length: form.length, label }
      }
      end++
    }
    return undefined
  }

  /** Where the part at the end begins that could go on to be one of them; the text's length if none. */
  beginning(text: string): number {
    for (let at = Math.max(0, text.length - this.#longest + 1); at < text.length; at++) {
      const left = text.length - at
      if (left < SHORTEST_FORM) {
        if (this.#firsts.has(text.slice(at))) return at
        continue
      }
      const same = this.#byHead.get(text.slice(at, at + SHORTEST_FORM))
      if (same === undefined) continue
      const rest = text.slice(at)
      if (same.some(({ form }) => form.length > left && form.startsWith(rest))) return at
    }
    return text.length
  }
}

function hashPair(a: number, b: number): number {
  return (a * 257 + b) & 0xffff
}

function deep(mask: (text: string) => string, value: unknown): unknown {
  if (typeof value === 'string') return mask(value)
  if (typeof value === 'number' || typeof value === 'bigint') {
    const text = String(value)
    const masked = mask(text)
    return masked === text ? value : masked
  }
  if (Array.isArray(value)) return value.map((v) => deep(mask, v))
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  const taken = new Set<string>()
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => {
      let name = mask(key)
      for (let n = 2; taken.has(name); n++) name = `${mask(key)} (${n})`
      taken.add(name)
      return [name, deep(mask, v)]
    }),
  )
}

const IV = 12
const TAG = 16

/** Whether an output is one that only the key opens. */
export function isSealed(output: unknown): output is Sealed {
  return (
    typeof output === 'object' &&
    output !== null &&
    'sealed' in output &&
    typeof output.sealed === 'string'
  )
}

/**
 * AES-256-GCM, as base64 of nonce, tag and text. The nonce is a keyed hash of the text, so that it
 * never serves for two texts without anybody having to be random: equal texts look equal, no more.
 */
export function seal(key: Buffer, text: string): string {
  const nonce = createHmac('sha256', derived(key, 'nonce')).update(text).digest().subarray(0, IV)
  const cipher = createCipheriv('aes-256-gcm', derived(key, 'seal'), nonce)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
}

/** What was sealed. Throws exit 9 when the key is another one, exit 10 when it is no seal at all. */
export function unseal(key: Buffer, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < IV + TAG) {
    throw failure(EXIT.stale, 'a sealed value in the journal is damaged')
  }
  try {
    const opened = createDecipheriv('aes-256-gcm', derived(key, 'seal'), bytes.subarray(0, IV), {
      authTagLength: TAG,
    })
    opened.setAuthTag(bytes.subarray(IV, IV + TAG))
    return opened.update(bytes.subarray(IV + TAG), undefined, 'utf8') + opened.final('utf8')
  } catch (cause) {
    throw failure(EXIT.refused, 'a sealed value cannot be opened with this key', {
      hint: 'use the key of the machine that recorded it: .runbook/key, or RUNBOOK_KEY',
      cause,
    })
  }
}

/** Tells a changed secret from an unchanged one, and nothing else without the key. Hexadecimal. */
export function fingerprint(key: Buffer, text: string): string {
  return createHmac('sha256', derived(key, 'fingerprint')).update(text).digest('hex')
}

/** One key for each purpose. */
function derived(key: Buffer, purpose: string): Buffer {
  return createHmac('sha256', key).update(`runbook ${purpose}`).digest()
}
