// Which key is on standard input, without telling it: the word that the server's
// health page has for its own. Nothing on standard input: an empty line.
import { readFileSync } from 'node:fs'
import { keyIdOf, readKey } from '../src/security/cipher.ts'

const text = readFileSync(0, 'utf8').trim()
process.stdout.write(`${text === '' ? '' : keyIdOf(readKey(text))}\n`)
