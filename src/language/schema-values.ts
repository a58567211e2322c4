/** The small parts of the schema: names, texts, durations, values. */
import { z } from 'zod'

// A command validates one small file and ends: compiled validators would cost more than they save.
z.config({ jitless: true })

/** A mark in front of the message of an unknown key, followed by the keys that are known there. */
export const KNOWN_KEYS = 'known keys: '

/** A map with these keys and no others. */
export function map<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape).join(' ')
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `${KNOWN_KEYS}${known}` : undefined),
  })
}

export const text = z.string().min(1)

/** Text that may hold `${{ expression }}`. */
export const template = z.string()

export const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'must be lower case letters, digits and "_", beginning with a letter')

/** Names that also stand in commands and file names: runbooks, environments, checks. */
export const handle = z
  .string()
  .max(64, 'is longer than 64 characters')
  .regex(
    /^[a-z][a-z0-9_-]*$/,
    'must be lower case letters, digits, "-" and "_", beginning with a letter',
  )

/** `250ms`, `30s`, `10m`, `24h`, `30d`, or a template that gives one. Its form is checked by lint. */
export const duration = text.meta({
  description: '250ms, 30s, 10m, 24h or 30d; may be ${{ inputs.x }}',
})

export const expression = text.meta({ description: 'a CEL expression' })

export const expressions = z.union([expression, z.array(expression).min(1)])

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Any JSON value; its texts may hold templates. */
export const value: z.ZodType<Json, Json> = z
  .lazy(() =>
    z.union([
      z.null(),
      z.boolean(),
      z.number(),
      z.string(),
      z.array(value),
      z.record(z.string(), value),
    ]),
  )
  .meta({ id: 'value' })

/** Names of environment variables, as `env:` gives them. */
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a name that a shell can use: letters, digits and "_"')

export const env = z.record(variable, template)

export const scalar = z.union([z.string(), z.number(), z.boolean()])

export const onFailure = z.enum(['stop', 'undo', 'rollback', 'ask'])

export const inputType = z.enum(['string', 'url', 'integer', 'number', 'boolean'])

/** One, or a list of at least one. */
export function oneOrMore<T extends z.ZodType>(one: T): z.ZodUnion<[T, z.ZodArray<T>]> {
  return z.union([one, z.array(one).min(1)])
}
