/** QR login in its sandbox, by the other strategies, through two crashes, and with people who sign: for real. */
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { loadRunbook } from '../../src/language/load.ts'
import { runbook, start } from '../tool.ts'
import { both, called, forgotten, linked, rolled } from './hands.ts'
import { casesOf, stageIn, type Losses } from './stage.ts'
import { ended, idsOf, pictureOf, SECRET, statusOf, systemOf, wouldOf } from './system.ts'

// Real servers and a real build, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const NAME = 'qr-login'
/** The tests of the source are those of the other test of this system. */
const WITHOUT_TESTS = ['--from', 'schema_backup']
const UNIT = 'hotel-assistant'
const IMAGE = 'hotel-assistant:1.1.0'
const execute = promisify(execFile)

const system = systemOf(NAME, pictureOf('database_url', 'staging_database_url'), true)
const { deployed, expectAsBefore, place, rollBackAll, tool } = system
const stage = stageIn(NAME, system)
const { sh, version } = stage

const switchedBack = linked(stage, UNIT, '1.0.0', '1.1.0')
const rolledBack = rolled(stage, UNIT, 'app=hotel-assistant', '1.0.0', '1.1.0')

/** How the effect of each step of another strategy than systemd can be lost. */
const LOSSES: Losses = {
  image: {
    // The image of what serves cannot be missing, so something else serves first.
    'it is not here': both(rolledBack, forgotten(stage, 'images', IMAGE)),
    'it is not in the registry': forgotten(stage, 'pushed', IMAGE),
  },
  switch_kubernetes: { 'the previous image is set': rolledBack },
  switch_docker: {
    'the container is gone': called(
      stage,
      ['docker', 'rm', '--force', UNIT],
      ['docker', 'run', '--detach', '--name', UNIT, IMAGE],
    ),
  },
  switch_vercel: { 'another deployment is in production': switchedBack },
}

test('every step of another strategy has a loss of its effect here', async () => {
  const { runbook: read } = await loadRunbook(NAME, place().root)
  const changing = read.steps.filter((s) => s.rollback.kind !== 'none')
  const here = changing.filter((s) => s.when !== undefined && !s.when.source.includes('systemd'))
  expect(Object.keys(LOSSES)).toEqual(here.map((s) => s.id))
})

const STRATEGIES = {
  kubernetes: 'before_image',
  docker: 'before_container',
  vercel: 'before_deployment',
}

describe('with the release built, only the switch', () => {
  beforeAll(async () => {
    const first = ['before_schema', 'backup', 'before_table', 'token_table', 'build_release']
    await deployed('--only', ['environment_file', ...first].join())
  })

  describe.each(Object.entries(STRATEGIES))('by %s', (strategy, record) => {
    const image = strategy === 'vercel' ? [] : ['image']
    const steps = ['before_version', record, ...image, `switch_${strategy}`, 'healthy']
    let run = ''
    beforeAll(async () => {
      ;({ run } = await deployed('--only', steps.join(), '--var', `strategy=${strategy}`))
    })

    // What becomes of its image is the same by docker.
    const own = strategy === 'kubernetes' ? steps : [`switch_${strategy}`]
    test.each(casesOf(LOSSES, ...own))('%s: %s', (step, _how, take) =>
      stage.expectToDependOn(run, step, take),
    )

    test('the new release serves, and the previous one after a rollback', async () => {
      expect(await version()).toEqual({ version: '1.1.0' })
      const back = ended(await tool('rollback', run, '-o', 'json'))
      expect(back.status).toBe('rolled_back')
      expect(statusOf(back, `switch_${strategy}`)).toBe('undone')
      expect(await version()).toEqual({ version: '1.0.0' })
    })
  })

  test('its commands for containers are none, or meet the container that is still there', async () => {
    await expect(sh('docker set image deployment/hotel-assistant app=x:1')).rejects.toThrow(
      /unknown command/,
    )
    const again = `docker run --detach --name ${UNIT} ${IMAGE}`
    await expect(sh(again)).rejects.toThrow(/already in use/)
  })

  test('a link to the release that serves is wanted of systemd, which has one, and of no other strategy', async () => {
    const { runbook: read } = await loadRunbook(NAME, stage.place().root)
    const script = read.requires.flatMap(({ action }) =>
      action.verb === 'run' && 'script' in action && action.script.includes('current')
        ? action.script
        : [],
    )
    const holds = (strategy: string, releases: string) => {
      const env = { ...process.env, STRATEGY: strategy, RELEASES: releases }
      const asked = execute('bash', ['-c', script.join('\n')], { env })
      return asked.then(Boolean, () => false)
    }
    expect(script).toHaveLength(1)
    for (const strategy of Object.keys(STRATEGIES))
      expect(await holds(strategy, '/nowhere'), strategy).toBe(true)
    const own = String(stage.here().bound.inputs['releases'])
    expect([await holds('systemd', own), await holds('systemd', '/nowhere')]).toEqual([true, false])
  })

  test('taken away again, nothing of it is left', async () => {
    ended(await tool('rollback', '-o', 'json'))
    await expectAsBefore()
  })
})

test('where nobody is assumed to say yes, three roles sign off, each its own list, and the run goes on', async () => {
  const { root } = place()
  const file = join(root, `runbooks/${NAME}.yaml`)
  const assumed = readFileSync(file, 'utf8')
  writeFileSync(file, assumed.replace('manual: assume', 'manual: ask'))
  const steps = ['engineering_sign_off', 'qa_sign_off', 'operations_sign_off']
  const here = [NAME, '--env', 'sandbox']
  const waits = await runbook(root, ['deploy', ...here, '--no-input', '--only', steps.join()])
  expect(waits.code, waits.stderr).toBe(8)
  const sign = (...more: string[]) => runbook(root, ['sign', ...here, '--role', ...more])
  expect((await sign('Engineering')).stderr).toContain('The security scan passed')
  for (const role of ['Engineering', 'QA', 'Operations']) {
    const signed = await sign(role, '--confirm-all')
    expect(signed.code, signed.stderr).toBe(0)
  }
  const resumed = ended(await tool('resume', '-o', 'json'))
  expect(resumed.status).toBe('succeeded')
  expect(steps.map((id) => statusOf(resumed, id))).toEqual(['done', 'done', 'done'])
  expect((await runbook(root, ['report'])).stdout).toMatch(/Operations[^]*Alerting is configured/)
  writeFileSync(file, assumed)
})

test('killed in the middle, twice, and resumed, it ends as it should and rolls back whole', async () => {
  await system.letDown()
  // A restart that takes its time: the resume finds it still at work, and must not end the sandbox under it.
  const env = { STANDIN_SLOW: 'systemctl' }
  await killedAt('token_table', env, 'deploy', NAME, '--env', 'sandbox', ...WITHOUT_TESTS)
  await killedAt('switch_systemd', env, 'resume')
  const resumed = ended(await runbook(place().root, ['resume', '-o', 'json'], { env }))
  expect(resumed.status).toBe('succeeded')
  expect(idsOf(resumed, 'in_doubt')).toEqual([])
  await system.keepUp()
  expect(await version()).toEqual({ version: '1.1.0' })
  expect(await rollBackAll()).toBe(1)
  await expectAsBefore()
  await system.letDown()
  expect(left()).toEqual([])
})

test.each(['staging', 'prod'])(
  'a plan for %s is sound, from anywhere, and says what it cannot know',
  async (environment) => {
    const nowhere = 'postgresql://hotel:none@127.0.0.1:9/hotel'
    const steps = await system.planFor(
      environment,
      {
        DATABASE_URL: nowhere,
        STAGING_DATABASE_URL: nowhere,
        ADMIN_TOKEN: SECRET,
        NEXTAUTH_SECRET: SECRET,
      },
      '--var',
      'release=1.1.0',
    )
    expect(wouldOf(steps)).toMatchObject({
      unit_tests: 'run',
      token_table: 'unknown',
      switch_systemd: 'unknown',
      switch_kubernetes: 'skipped',
      switch_docker: 'skipped',
      switch_vercel: 'skipped',
    })
  },
)

/** Runs a command and kills its process the moment it says that this step's action has started. */
async function killedAt(step: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<void> {
  const { child, ran } = start(place().root, [...args, '-o', 'ndjson'], { env })
  let said = ''
  child.stdout?.on('data', (text: string) => {
    said += text
    const started = said
      .split('\n')
      .some((line) => line.includes('"type":"step.started"') && line.includes(`"step":"${step}"`))
    if (started) child.kill('SIGKILL')
  })
  const { signal, stderr } = await ran
  expect(signal, stderr).toBe('SIGKILL')
}

/** Processes that carry this place in their command line or their environment. */
function left(): string[] {
  const all = execFileSync('ps', ['axeww', '-o', 'pid,args'], { encoding: 'utf8' })
  return all.split('\n').filter((line) => line.includes(place().root))
}
