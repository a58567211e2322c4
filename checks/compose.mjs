// Asks docker compose what runs.
import { $ } from 'zx/core'

/**
 * @typedef {{ file: string, services: string, project: string }} Asked
 * @typedef {{ Service: string, Image: string, State: string, Health?: string }} Container
 */

/** @param {Asked} asked */
const caller = ({ file, project }) => {
  const before = [...(file === '' ? [] : ['-f', file]), ...(project === '' ? [] : ['-p', project])]
  /** @param {string[]} words */
  return async (...words) => {
    const command = ['docker', 'compose', ...before, ...words]
    const { exitCode, stdout, stderr } = await $({ quiet: true, nothrow: true })`${command}`
    if (exitCode === 0) return stdout
    throw new Error(`docker compose ${words[0]}: ${stderr.trim().split('\n')[0] || 'it failed'}`)
  }
}

/** Until version 2.21 it was one list, since then a line each. @param {string} text @returns {Container[]} */
function containersOf(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.flatMap((line) => /** @type {Container | Container[]} */ (JSON.parse(line)))
}

/** @param {Asked} asked */
async function judge(asked) {
  const compose = caller(asked)
  const given = asked.services.split(/\s+/).filter((word) => word !== '')
  const wanted =
    given.length > 0 ? given : (await compose('config', '--services')).split('\n').filter(Boolean)
  const containers = containersOf(await compose('ps', '--all', '--format', 'json'))
  const wrong = wanted.flatMap((one) => {
    const [, name = '', image = ''] = /^([^=]+)=?(.*)$/.exec(one) ?? []
    const own = containers.filter(({ Service }) => Service === name)
    if (own.length === 0) return [`${name} has no container`]
    return own.flatMap(({ State, Health = '', Image }) => [
      ...(State === 'running' ? [] : [`${name} is ${State}`]),
      ...(['', 'healthy'].includes(Health) ? [] : [`${name} is ${Health}`]),
      ...(image === '' || image === Image ? [] : [`${name} runs ${Image}`]),
    ])
  })
  return { asked: wanted.length, wrong }
}

/** @param {Asked} args */
export default async (args) => {
  try {
    return await judge(args)
  } catch (error) {
    return { cannot_tell: error instanceof Error ? error.message : String(error) }
  }
}
