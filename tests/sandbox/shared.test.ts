/** The machine that all sandboxes share, and the stand-ins that act on it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { recorded, startMachine, type Machine } from './machine.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let machine: Machine
const good = async (line: string, env?: Record<string, string>): Promise<string> => {
  const { code, stdout, stderr } = await machine.call(line, env)
  expect(code, `${line}\n${stderr}`).toBe(0)
  return stdout
}
const bad = async (line: string, env?: Record<string, string>): Promise<[number, string]> => {
  const { code, stderr } = await machine.call(line, env)
  return [code, stderr]
}

describe('two instances behind the balancer', () => {
  const hosts = ['b1', 'b2']
  beforeAll(async () => {
    machine = await startMachine(hosts.map((host) => ({ name: 'backend', host })))
  })
  afterAll(() => machine.close())

  /** Asks with hardly a pause until it is told to stop. How often it was answered, and how often not. */
  function asking(): { stop: () => Promise<{ answered: number; lost: number }> } {
    let going = true
    const count = { answered: 0, lost: 0 }
    const one = async (): Promise<void> => {
      while (going) {
        const ok = await fetch(machine.url).then(
          async (answer) => answer.ok && (await answer.text()) !== '',
          () => false,
        )
        if (ok) count.answered += 1
        else count.lost += 1
        await sleep(1)
      }
    }
    const all = Promise.all(Array.from({ length: 8 }, one))
    return {
      async stop() {
        going = false
        await all
        return count
      },
    }
  }

  test('requests go to both, and to one of them by its name', async () => {
    const pids = new Set(
      [...(await Promise.all([1, 2, 3, 4].map(() => machine.serving())))].map(({ pid }) => pid),
    )
    expect(pids.size).toBe(2)
    const one = await machine.serving('/-/units/backend@b1/x')
    expect(await machine.serving('/-/units/backend@b1/y')).toEqual(one)
    expect(pids).toContain(one.pid)
  })

  test('restarted one after the other, no request is lost', async () => {
    const load = asking()
    for (const host of [...hosts, ...hosts])
      await good('systemctl restart backend', { SANDBOX_HOST: host })
    const { answered, lost } = await load.stop()
    expect(lost).toBe(0)
    expect(answered).toBeGreaterThan(100)
  })

  test('a request that is under way is answered before its process ends', async () => {
    const slow = machine.serving('/-/units/backend@b1/slow')
    await sleep(100)
    await good('systemctl restart backend', { SANDBOX_HOST: 'b1' })
    expect((await slow).release).toBe('1.0.0')
  })

  test('a restart that is to drop a request drops one', async () => {
    const load = asking()
    await good('systemctl restart backend', { SANDBOX_HOST: 'b1', STANDIN_DROP: '1' })
    expect((await load.stop()).lost).toBe(1)
  })

  test('both stopped, the balancer says so at once', async () => {
    await good('systemctl stop backend')
    expect((await fetch(machine.url)).status).toBe(503)
    expect((await machine.call('systemctl is-active backend')).code).toBe(3)
    await good('systemctl start backend')
    expect(await good('systemctl is-active --quiet backend')).toBe('')
  })
})

describe('one unit, by every tool', () => {
  beforeAll(async () => {
    machine = await startMachine([
      { name: 'shop', container: 'app', fixed: { PATH: process.env['PATH'] } },
    ])
  })
  afterAll(() => machine.close())
  const serves = async (release: string): Promise<void> => {
    expect((await machine.serving()).release).toBe(release)
  }
  const image = (release: string): string => join(machine.dir, 'releases', release)

  test('docker: a container keeps its name when it is stopped, and its port while it runs', async () => {
    expect(await good('docker inspect --format {{.Config.Image}} shop')).toBe('shop:1.0.0\n')
    await good(`docker build --tag shop:1.1.0 ${image('1.1.0')}`)
    expect(await good('docker images -q shop')).toBe('1.0.0\n1.1.0\n')
    expect(await bad('docker run -d --name shop shop:1.1.0')).toEqual([
      125,
      expect.stringContaining('already in use'),
    ])
    await good('docker stop shop')
    expect(await bad('docker run -d --name shop shop:1.1.0')).toEqual([
      125,
      expect.stringContaining('already in use'),
    ])
    await good('docker rename shop shop-previous')
    await good('docker run -d --name shop -p 3000:3000 shop:1.1.0')
    await serves('1.1.0')
    expect(await bad('docker run -d --name other --publish 127.0.0.1:3000:80 shop:1.0.0')).toEqual([
      125,
      expect.stringContaining('port is already allocated'),
    ])
    await good('docker rm --force other shop')
    await good('docker rename shop-previous shop')
    await good('docker start shop')
    await serves('1.0.0')
    expect(await good('docker ps --format {{.Names}}={{.Image}}')).toBe('shop=shop:1.0.0\n')
    expect(await good('docker logs --tail 1 shop')).toContain('started 1.0.0')
    expect(await good('docker exec shop pwd')).toBe(`${image('1.0.0')}\n`)
  })

  test('docker compose: up takes the image that the file names; --force-recreate the same one', async () => {
    const file = join(machine.dir, 'compose.yml')
    writeFileSync(
      file,
      'services:\n  shop: { image: "shop:${VERSION:-1.0.0}", env_file: [{ path: gone.env, required: false }] }\n  cache: { image: "redis:7" }\n',
    )
    const compose = `docker compose -f ${file}`
    const ill = join(machine.dir, 'ill.yml')
    writeFileSync(ill, 'services: { shop: { image: "shop:1.0.0", env_file: gone.env } }\n')
    expect(await bad(`docker compose -f ${ill} up -d`)).toEqual([
      1,
      expect.stringMatching(/^env file \/.*\/gone\.env not found/),
    ])
    await good(`${compose} up -d`, { VERSION: '1.1.0' })
    await serves('1.1.0')
    const { pid } = await machine.serving()
    await good(`${compose} up -d --force-recreate`, { VERSION: '1.1.0' })
    await serves('1.1.0')
    expect((await machine.serving()).pid).not.toBe(pid)
    const rows = (await good(`${compose} ps --format json`))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(rows).toMatchObject([
      { Service: 'shop', State: 'running', Image: 'shop:1.1.0' },
      { Service: 'cache', State: 'running' },
    ])
    expect(await good(`${compose} logs --tail=1 shop`)).toContain('started 1.1.0')
    expect(await bad(`${compose} logs -f shop`)).toEqual([1, expect.stringContaining('never ends')])
    await good(`${compose} down`)
    expect((await fetch(machine.url)).status).toBe(503)
    await good(`${compose} up --detach shop`)
    await serves('1.0.0')
  })

  test('kubectl: an image that was never pushed is never pulled, and an ill one leaves the old pods serving', async () => {
    await good(`docker build --tag shop:ill ${image('ill')}`)
    await good('kubectl set image deployment/shop app=shop:ill')
    expect((await bad('kubectl rollout status deployment/shop --timeout=200ms'))[0]).toBe(1)
    await good('docker push shop:ill')
    await good('kubectl rollout undo deployment/shop')
    await good('kubectl rollout status deployment shop')
    await good('kubectl set image deployment/shop app=shop:ill')
    expect((await bad('kubectl rollout status deployment/shop --timeout=500ms'))[0]).toBe(1)
    await serves('1.0.0')
    await good('docker push shop:1.1.0')
    await good('kubectl set image deployment/shop app=shop:1.1.0')
    await good('kubectl rollout status deployment/shop --timeout=30s')
    await serves('1.1.0')
    await good('kubectl rollout undo deployment/shop --to-revision=1')
    await good('kubectl rollout status deployment/shop --timeout=30s')
    await serves('1.0.0')
    const path = '{.spec.template.spec.containers[0].image}'
    expect(await good(`kubectl get deployment/shop -o jsonpath=${path}`)).toBe('shop:1.0.0')
  })

  test('kubectl: variables, pods, an autoscaler, a secret', async () => {
    const before = existsSync(join(machine.dir, 'settings.json'))
    await good('kubectl set env deployment/shop MODE=maintenance')
    await good('kubectl rollout status deployment/shop')
    expect((await machine.serving()).mode).toBe('maintenance')
    await good('kubectl autoscale deployment/shop --min=2 --max=10 --cpu-percent=70')
    const pods = await good('kubectl get pods -l app=shop --no-headers')
    expect(pods.trim().split('\n')).toHaveLength(2)
    expect(await good('kubectl get hpa shop -o jsonpath={.spec.maxReplicas}')).toBe('10')
    // As the checks of the library ask.
    const asked = (what: string) =>
      good(`kubectl --request-timeout=10s get ${what} --output=json --ignore-not-found`)
    expect(await asked('hpa/shop')).toContain('ScalingActive')
    expect(await asked('deployment/shop')).toContain('"availableReplicas": 2')
    expect(await asked('deployment/nobody')).toBe('')
    writeFileSync(join(machine.dir, 'mode'), 'secretly')
    await good(`kubectl create secret generic keys --from-file=mode=${machine.dir}/mode`)
    expect(await good('kubectl get secret keys -o json')).not.toContain('secretly')
    await good('kubectl set env --from=secret/keys deployment/shop')
    await good('kubectl rollout status deployment/shop')
    expect((await machine.serving()).mode).toBe('secretly')
    const selected = await good('kubectl logs --selector app=shop --tail=-1')
    expect(selected).toBe(await good('kubectl logs deployment/shop'))
    await good('kubectl delete secret/keys hpa/shop')
    await good('kubectl scale deployment/shop --replicas=1')
    await good('kubectl set env deployment/shop MODE-')
    await good('kubectl rollout status deployment/shop')
    expect((await machine.serving()).mode).toBe('')
    expect([before, existsSync(join(machine.dir, 'settings.json'))]).toEqual([false, false])
  })

  test('heroku: config and code are releases; maintenance is the router', async () => {
    await good('heroku config:set MODE=10 --app shop')
    expect((await machine.serving()).mode).toBe('10')
    await good(`heroku sandbox:release ${image('1.1.0')} -a shop`)
    await good('heroku config:set MODE=50 -a shop')
    await good('heroku rollback v2 -a shop')
    expect(await machine.serving()).toMatchObject({ release: '1.0.0', mode: '10' })
    await good('heroku maintenance:on -a shop')
    expect((await fetch(machine.url)).status).toBe(503)
    expect(await good('heroku maintenance -a shop')).toBe('on\n')
    await good('heroku maintenance:off -a shop')
    await good('heroku config:unset MODE -a shop')
    expect(await good('heroku logs -n 1 --source app --dyno web.1 --app shop')).toMatch(
      /^20\d\d-[\d-]+T[\d:]+\.\d{6}\+00:00 app\[web\.1\]: \{.*started 1\.0\.0"\}\n$/,
    )
    expect(await machine.serving()).toMatchObject({ release: '1.0.0', mode: '' })
    expect(await bad('heroku maintenance:on')).toEqual([
      1,
      expect.stringContaining('Missing required flag'),
    ])
  })

  test('aws: what is copied to a bucket can be listed, looked at and fetched again', async () => {
    mkdirSync(join(machine.dir, 's3/backups'), { recursive: true })
    const file = join(machine.dir, 'a.dump')
    writeFileSync(file, 'twelve bytes')
    await good(`aws s3 cp ${file} s3://backups/daily/ --only-show-errors`)
    expect(await good('aws s3 ls s3://backups/')).toContain('PRE daily/')
    expect(await good('aws s3 ls s3://backups/daily/')).toMatch(/ 12 a\.dump\n$/)
    const head = JSON.parse(
      await good('aws s3api head-object --bucket backups --key daily/a.dump'),
    ) as object
    expect(head).toMatchObject({ ContentLength: 12 })
    await good(`aws s3 cp s3://backups/daily/a.dump ${file}.back`)
    expect(readFileSync(`${file}.back`, 'utf8')).toBe('twelve bytes')
    await good('aws s3 rm s3://backups/daily/a.dump')
    expect((await machine.call('aws s3 ls s3://backups/daily/')).code).toBe(1)
    expect((await bad(`aws s3 cp ${file} s3://nobody/`))[1]).toContain('NoSuchBucket')
  })

  test('calls are recorded, and a tool fails when it is told to', async () => {
    const record = join(machine.dir, 'record')
    await good('systemctl restart shop', { STANDIN_RECORD: record })
    expect(recorded(record)).toEqual([{ tool: 'systemctl', args: ['restart', 'shop'] }])
    const failing = { STANDIN_FAIL: 'vercel,kubectl rollout' }
    expect((await bad('kubectl rollout status deployment/shop', failing))[1]).toContain(
      'STANDIN_FAIL',
    )
    await good('kubectl get pods', failing)
  })

  test.each([
    ['systemctl restart --soft shop', 1, "unrecognized option '--soft'"],
    ['systemctl enable shop', 1, 'unknown command'],
    ['docker set image shop=shop:1.1.0', 125, 'unknown command "set"'],
    ['docker run --detached shop:1.0.0', 125, 'unknown flag: --detached'],
    ['docker compose up --file x -d', 125, 'unknown flag: --file'],
    ['kubectl set image deployment/shop --to=x', 1, 'unknown flag: --to'],
    ['kubectl rollout undo deployment/other', 1, 'NotFound'],
    ['heroku config:set MODE -a shop', 1, 'FOO=bar'],
    ['vercel rollback', 2, 'arguments are needed'],
    ['aws s3 cp --force a s3://b/', 252, 'Unknown options: --force'],
    ['npx left-pad', 2, 'no left-pad here'],
    ['journalctl --unit shop --follow', 1, "unrecognized option '--follow'"],
  ])('%s is refused with %i', async (line, code, words) => {
    expect(await bad(line)).toEqual([code, expect.stringContaining(words)])
  })
})
