/** Other machines, as far as ssh can tell: a real sshd for each, on a loopback address, with a home of its own. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/lib/daemons.ts'

/** sshd insists on being called by its whole path. */
const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find(existsSync)

/** What is missing for these tests, or undefined. */
export function missingForSsh(): string | undefined {
  const found = (process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/ssh`))
  if (!found) return 'openssh-client'
  return SSHD === undefined ? 'openssh-server' : undefined
}

export interface Machine {
  name: string
  /** Where its `~` is. */
  home: string
  /** Ends every connection to it, and nothing else. */
  cut(): void
  /** Nobody can reach it any more. */
  stop(): Promise<void>
  start(): Promise<void>
}

export interface Network {
  machines: Machine[]
  /** With an `ssh` before all others that knows these machines, and none else. */
  env: NodeJS.ProcessEnv
  dispose(): Promise<void>
}

/** So many machines, named b1, b2 and so on, on 127.0.0.2 and upwards. */
export async function network(count: number): Promise<Network> {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-sshd-'))
  const path = (name: string) => join(folder, name)
  for (const key of ['user', 'host'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ecdsa', '-N', '', '-f', path(key)])
  // Where it leaves its rights behind, sshd wants this folder.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const hosts = Array.from({ length: count }, (_, i) => ({
    name: `b${i + 1}`,
    address: `127.0.0.${i + 2}`,
  }))
  // The dearest part of a login is the exchange of keys; this one is the cheapest.
  const common = `User ${userInfo().username}\nPort ${port}\nIdentityFile ${path('user')}\nIdentitiesOnly yes
UserKnownHostsFile ${path('known')}\nStrictHostKeyChecking accept-new\nKexAlgorithms ecdh-sha2-nistp256\n`
  const each = hosts.map(({ name, address }) => `Host ${name}\nHostName ${address}\n`)
  writeFileSync(path('config'), `${each.join('')}Host *\n${common}`)
  mkdirSync(path('bin'))
  const real = execFileSync('bash', ['-c', 'type -P ssh'], { encoding: 'utf8' }).trim()
  writeFileSync(path('bin/ssh'), `#!/bin/sh\nexec ${real} -F ${path('config')} "$@"\n`)
  chmodSync(path('bin/ssh'), 0o755)
  const machines = hosts.map(({ name, address }) => machine(folder, name, address, port))
  for (const one of machines) await one.start()
  return {
    machines,
    env: { PATH: `${path('bin')}:${process.env.PATH ?? ''}` },
    dispose: async () => {
      for (const one of machines) await one.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function machine(folder: string, name: string, address: string, port: number): Machine {
  const home = join(folder, name)
  const config = `${home}.sshd`
  mkdirSync(home)
  writeFileSync(
    config,
    `Port ${port}\nListenAddress ${address}\nHostKey ${folder}/host\nAuthorizedKeysFile ${folder}/user.pub
PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no
PermitRootLogin yes\nMaxStartups 50\nSetEnv HOME=${home}\n`,
  )
  let daemon: ChildProcess | undefined
  const cut = () => {
    end(childrenOf(daemon?.pid))
  }
  return {
    name,
    home,
    cut,
    start: async () => {
      daemon = spawn(SSHD ?? '', ['-D', '-e', '-f', config], { stdio: 'ignore' })
      while (!(await answers(address, port))) await sleep(20)
    },
    stop: async () => {
      const ended = daemon
      if (ended === undefined) return
      const connections = childrenOf(ended.pid)
      ended.kill('SIGKILL')
      end(connections)
      daemon = undefined
      while (await answers(address, port)) await sleep(20)
    },
  }
}

/** One that has just ended by itself is none that was missed. */
function end(pids: number[]): void {
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
}

function childrenOf(parent: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return (
          readFileSync(`/proc/${name}/stat`, 'latin1').split(') ')[1]?.split(' ')[1] ===
          String(parent)
        )
      } catch {
        return false
      }
    })
    .map(Number)
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
