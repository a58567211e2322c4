// Reads a log from standard input: is each line JSON with a level, are there errors,
// and does one hold a secret? SECRETS has them, with blanks between. The answer is JSON,
// and shows no line.
import { text } from 'node:stream/consumers'

const LEVELS = ['debug', 'info', 'warn', 'error']
const secrets = (process.env['SECRETS'] ?? '').split(' ').filter((one) => one !== '')
const lines = (await text(process.stdin)).split('\n').filter((line) => line !== '')

function levelOf(line: string): string | undefined {
  try {
    const { level } = JSON.parse(line) as { level?: string }
    return LEVELS.find((one) => one === level)
  } catch {
    return undefined
  }
}

const levels = lines.map(levelOf)
process.stdout.write(
  JSON.stringify({
    lines: lines.length,
    without_level: levels.filter((one) => one === undefined).length,
    errors: levels.filter((one) => one === 'error').length,
    with_secrets: lines.filter((line) => secrets.some((one) => line.includes(one))).length,
  }) + '\n',
)
