/** The scripts and SQL files that a runbook names: read once, so that a plan can keep them. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import { problemAt, valueOffset } from './tree.ts'
import type { NamedFile, Reading } from './reading.ts'

const LARGEST = 10 * 1_048_576

/**
 * The content of every named file, by the name under which the plan keeps it. A file that is missing,
 * too large or outside of its folder becomes a problem.
 */
export async function contentOf(reading: Reading): Promise<Record<string, string>> {
  const contents: Record<string, string> = {}
  for (const file of reading.files) {
    if (file.key in contents) continue
    const result = await readNamed(file)
    if ('content' in result) contents[file.key] = result.content
    else {
      const { document, way } = file
      reading.problems.push(problemAt(document, valueOffset(document, way), result))
    }
  }
  return contents
}

async function readNamed({
  key,
  path,
  within,
}: NamedFile): Promise<{ content: string } | { message: string; hint?: string }> {
  const outside = { message: `${key} lies outside of the runbook's folder`, hint: relativeTo(key) }
  if (leaves(within, path)) return outside
  try {
    // A link inside may lead outside.
    const [real, folder] = await Promise.all([realpath(path), realpath(within)])
    if (leaves(folder, real)) return outside
    const { size } = await stat(real)
    if (size > LARGEST) return { message: `${key} has more than 10 MiB` }
    return { content: await readFile(real, 'utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return { message: `there is no file ${key}`, hint: relativeTo(key) }
    }
    if (code === 'EISDIR') return { message: `${key} is a folder` }
    if (code === 'EACCES') return { message: `${key} cannot be read: no permission` }
    return { message: `${key} cannot be read: ${(error as Error).message}` }
  }
}

function relativeTo(key: string): string {
  return /^(runbook:)?checks\//.test(key)
    ? 'the files of a check are relative to the folder that the check is in'
    : 'paths are relative to the folder that holds runbooks/, else to the working folder'
}

function leaves(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way === '..' || way.startsWith(`..${sep}`) || way.startsWith('/')
}
