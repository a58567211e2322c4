// Stand-in for aws: buckets are folders in `s3/` of the sandbox; one that is not
// there does not exist, so a system makes its own when it is seeded.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { type Call, type Command, fail, runTool, say } from './tool.ts'
import { place } from './world.ts'

function usage(message: string): never {
  return fail(252, `\naws: error: ${message}`)
}

interface Where {
  bucket: string
  key: string
  path: string
}

function at(address: string, operation: string): Where {
  const [, bucket = '', key = ''] =
    /^s3:\/\/([a-z0-9.-]{3,63})(?:\/(.*))?$/.exec(address) ??
    usage(`Invalid argument type: ${address}`)
  const folder = join(place(), 's3', bucket)
  if (!existsSync(folder))
    fail(
      1,
      `An error occurred (NoSuchBucket) when calling the ${operation} operation: The specified bucket does not exist`,
    )
  if (key.split('/').includes('..')) usage(`${key} is no key here`)
  return { bucket, key, path: join(folder, key) }
}

const isRemote = (word: string): boolean => word.startsWith('s3://')

/** All keys of a bucket, in order. */
function keysOf(bucket: string): string[] {
  const folder = join(place(), 's3', bucket)
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

function missing(key: string): never {
  return fail(
    1,
    `fatal error: An error occurred (404) when calling the HeadObject operation: Key "${key}" does not exist`,
  )
}

function copy({ words: [from = '', to = ''], has }: Call): void {
  if (isRemote(from) === isRemote(to) && !isRemote(from)) usage('Invalid argument type')
  if (has('recursive')) usage('here one file at a time, not --recursive')
  const source = isRemote(from) ? at(from, 'HeadObject').path : from
  if (from !== '-' && !existsSync(source))
    isRemote(from)
      ? missing(at(from, 'HeadObject').key)
      : fail(255, `\nThe user-provided path ${from} does not exist.`)
  const target = isRemote(to) ? at(to, 'PutObject').path : to
  // A target that ends with a slash is a folder, and so is one that is there.
  const folder =
    to.endsWith('/') ||
    (isRemote(to) && at(to, 'PutObject').key === '') ||
    (!isRemote(to) && to !== '-' && existsSync(to) && statSync(to).isDirectory())
  const path = folder ? join(target, basename(from)) : target
  if (!has('dryrun')) {
    if (to === '-') process.stdout.write(readFileSync(source))
    else {
      mkdirSync(dirname(path), { recursive: true })
      if (from === '-') writeFileSync(path, readFileSync(0))
      else copyFileSync(source, path)
    }
  }
  const verb = isRemote(from) ? (isRemote(to) ? 'copy' : 'download') : 'upload'
  if (!has('quiet') && !has('only-show-errors') && to !== '-')
    say(`${has('dryrun') ? '(dryrun) ' : ''}${verb}: ${from} to ${to}`)
}

/** What lies under a key, and of what lies deeper only the folders, unless it is `--recursive`. */
function list({ words: [address], has }: Call): void {
  if (address === undefined) {
    for (const bucket of readdirSync(join(place(), 's3'))) say(`2025-01-01 00:00:00 ${bucket}`)
    return
  }
  const { bucket, key } = at(isRemote(address) ? address : `s3://${address}`, 'ListObjectsV2')
  const under = keysOf(bucket).filter((one) => one.startsWith(key))
  const lines = under.map((one) => {
    const rest = one.slice(key.lastIndexOf('/') + 1)
    if (!has('recursive') && rest.includes('/'))
      return `                           PRE ${rest.split('/')[0]}/`
    const { size, mtime } = statSync(join(place(), 's3', bucket, one))
    const time = mtime.toISOString().slice(0, 19).replace('T', ' ')
    return `${time} ${String(size).padStart(10)} ${has('recursive') ? one : rest}`
  })
  for (const line of new Set(lines)) say(line)
  if (lines.length === 0 && key !== '') process.exitCode = 1
}

function remove({ words: [address = ''], has }: Call): void {
  const { path, bucket, key } = at(address, 'DeleteObject')
  // As there: what is not there is gone as well.
  const gone = has('recursive') ? keysOf(bucket).filter((one) => one.startsWith(key)) : [key]
  for (const one of gone) {
    rmSync(has('recursive') ? join(place(), 's3', bucket, one) : path, { force: true })
    if (!has('quiet') && !has('only-show-errors')) say(`delete: s3://${bucket}/${one}`)
  }
}

function head({ value }: Call): void {
  const bucket = value('bucket') ?? usage('the following arguments are required: --bucket')
  const { path, key } = at(
    `s3://${bucket}/${value('key') ?? usage('the following arguments are required: --key')}`,
    'HeadObject',
  )
  if (!existsSync(path) || !statSync(path).isFile()) missing(key)
  const { size, mtime } = statSync(path)
  say(
    JSON.stringify(
      { LastModified: mtime.toISOString(), ContentLength: size, Metadata: {} },
      null,
      4,
    ),
  )
}

const quiet = ['--quiet', '--only-show-errors', '--dryrun', '--recursive']
const copying: Command = {
  flags: [
    ...quiet,
    '--no-progress',
    '--sse[=]',
    '--sse-kms-key-id=',
    '--storage-class=',
    '--content-type=',
    '--expected-size=',
  ],
  words: [2, 2],
  run: copy,
}
await runTool({
  name: 'aws',
  usage: 252,
  flags: [
    '--region=',
    '--profile=',
    '--output=',
    '--no-cli-pager',
    '--cli-read-timeout=',
    '--cli-connect-timeout=',
  ],
  unknownFlag: (flag) => `\naws: error: Unknown options: ${flag}`,
  commands: {
    's3 cp': copying,
    's3 ls': {
      flags: ['--recursive', '--human-readable', '--summarize'],
      words: [0, 1],
      run: list,
    },
    's3 rm': { flags: quiet, words: [1, 1], run: remove },
    's3api head-object': { flags: ['--bucket=', '--key='], run: head },
  },
})
