/** The vault of database security, for both files of its tests: what there is, and how effects of its steps are lost. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { filesUnder } from '../canaries.ts'
import { linked, rows, statement, values } from '../sandbox/hands.ts'
import { dump, input, type Dump, type Open, type Place } from '../sandbox/place.ts'
import { casesOf, type Losses, type Stage, type TakeAway } from '../sandbox/stage.ts'
import { ended, statusOf, type System } from '../sandbox/system.ts'

const execute = promisify(execFile)

/** What there is, seen by pg_dump, by git, in the files of the machine, and by asking the server. */
export interface Vault extends Dump {
  /** What is checked out, what Heroku's repository has as main, and the release that the machine runs. */
  source: string
  main: string
  current: string
  /** Variables that are set for the application; none when there is no file. */
  settings: unknown
  config: string[]
  version: unknown
  health: unknown
}

export async function vault({ machine }: Place, here: Open): Promise<Vault> {
  const at = (path: string) => join(machine, path)
  const told = async (path: string): Promise<unknown> =>
    (await fetch(`${input(here, 'app_url')}${path}`)).json()
  const source = readFileSync(at('source/.git/HEAD'), 'utf8')
  const { stdout: main } = await execute('git', ['-C', at('heroku.git'), 'rev-parse', 'main'])
  const { stdout: current } = await execute('readlink', [at('releases/current')])
  return {
    ...(await dump(input(here, 'database_url'))),
    source,
    main: main.trim(),
    current: current.trim(),
    settings: existsSync(at('settings.json'))
      ? (JSON.parse(readFileSync(at('settings.json'), 'utf8')) as unknown)
      : undefined,
    config: filesUnder(at('config')),
    version: await told('/version'),
    health: await told('/health'),
  }
}

/** The deployment without the database's part of it, in maintenance mode, by a strategy other than git. */
function releaseOnly(strategy: 'docker' | 'kubernetes'): string[] {
  const before = { docker: 'container', kubernetes: 'image' }[strategy]
  const steps = [
    ...['encryption_key', 'before_version', 'before_settings', 'maintenance_on', `key_${strategy}`],
    ...['before_switch', `before_${before}`, 'build_release', 'image', `deploy_${strategy}`],
    ...['healthy', 'key_reached'],
  ]
  return ['--var', `strategy=${strategy}`, '--only', steps.join()]
}

/** Tests: deployed by a strategy, its effects lost and given back, and rolled back. */
export function deployedBy(
  strategy: 'docker' | 'kubernetes',
  losses: Losses,
  { deploy, expectAsBefore, picture, tool }: System<Vault>,
  stage: Stage,
): void {
  describe(`deployed by ${strategy}`, () => {
    let run = ''
    test('the release serves', async () => {
      const done = ended(await deploy(...releaseOnly(strategy)))
      expect(statusOf(done, `key_${strategy}`)).toBe('done')
      expect(statusOf(done, `deploy_${strategy}`)).toBe('done')
      expect((await picture()).version).toEqual({ version: '2.4.0' })
      run = done.run
    })
    test.each(casesOf(losses))('%s: %s', (step, _how, take) =>
      stage.expectToDependOn(run, step, take),
    )
    test('rolled back, all is as it was before', async () => {
      ended(await tool('rollback', '-o', 'json'))
      await expectAsBefore()
    })
  })
}

/** The account of a flow: made by the flow itself, and removed. */
export function accountOf(
  stage: Stage,
  flow: string,
  run: () => string,
): { made: TakeAway; gone: TakeAway } {
  const on = () => stage.database()
  const id = () => `${run()}-${flow}`
  return {
    async made() {
      await stage.sh(`node scripts/flow.ts ${flow}`, {
        RUNBOOK_RUN_ID: run(),
        ADMIN_TOKEN: input(stage.here(), 'admin_token'),
      })
      return () => on().query('DELETE FROM users WHERE id = $1', [id()])
    },
    gone: rows(on, 'users', () => `id = '${id()}'`),
  }
}

/** The record of a migration, removed. */
export const recordGone = (stage: Stage, version: string): TakeAway =>
  statement(
    () => stage.database(),
    `DELETE FROM schema_migrations WHERE version = '${version}'`,
    `INSERT INTO schema_migrations VALUES ('${version}', now())`,
  )

/** How the effects of the last phase are lost, after which the plain text is gone. */
export function lossesAtTheEnd(stage: Stage, run: () => string): Losses {
  const on = () => stage.database()
  const columnBack = (column: string): TakeAway =>
    statement(
      on,
      `ALTER TABLE users ADD COLUMN ${column} text`,
      `ALTER TABLE users DROP COLUMN ${column}`,
    )
  return {
    remove_plain_text: {
      'the second factors are back': columnBack('two_factor_secret'),
      'the phone numbers are back': columnBack('phone_number'),
      'it is not recorded': recordGone(stage, '027_remove_legacy_plaintext_columns'),
    },
    flow_without_plain_text: {
      'the account is gone': accountOf(stage, 'second_factor', run).gone,
      'its second factor is not sealed': values(
        on,
        'users',
        () => `id = '${run()}-second_factor'`,
        'encrypted_two_factor_secret = NULL',
      ),
    },
  }
}

export const anotherKey = (): string => randomBytes(32).toString('base64')

/** How the effects of a deployment by kubernetes are lost. */
export function lossesByKubernetes(stage: Stage): Losses {
  /** The secret of the cluster, made of a text. */
  const put = (text: string) =>
    stage.sh(
      `kubectl delete secret encryption-keys --ignore-not-found
       printf %s "$TEXT" | kubectl create secret generic encryption-keys --from-file=system-encryption-key=/dev/stdin`,
      { TEXT: text },
    )
  const putBack = () => put(input(stage.here(), 'system_encryption_key'))
  return {
    key_kubernetes: {
      async 'it is not there'() {
        await stage.sh('kubectl delete secret encryption-keys')
        return putBack
      },
      async 'it is another one'() {
        await put(anotherKey())
        return putBack
      },
      async 'the deployment does not read it'() {
        await stage.sh('kubectl set env deployment/lockr SYSTEM_ENCRYPTION_KEY-')
        return () =>
          stage.sh(
            'kubectl set env deployment/lockr --from=secret/encryption-keys; kubectl rollout status deployment/lockr',
          )
      },
    },
    deploy_kubernetes: { 'the previous release serves': linked(stage, 'lockr', '2.3.0', '2.4.0') },
  }
}
