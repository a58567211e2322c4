/** Hands that take effects of steps away, really, and give them back. */
import {
  appendFileSync,
  chmodSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { expect } from 'vitest'
import type { Stage, TakeAway } from './stage.ts'

/** Another content for a file. */
export const changed =
  (path: () => string, change: (file: string) => void): TakeAway =>
  async () => {
    const file = path()
    const was = readFileSync(file)
    change(file)
    return () => {
      writeFileSync(file, was)
    }
  }

/** The rest of a file is cut off. */
export const cutOff = (path: () => string, bytes: number): TakeAway =>
  changed(path, (file) => truncateSync(file, bytes))

/** What a pattern finds in a file is another text there. */
export const replaced = (path: () => string, pattern: RegExp | string, by = ''): TakeAway =>
  changed(path, (file) => {
    const was = readFileSync(file, 'utf8')
    const now = was.replace(pattern, by)
    expect(now).not.toBe(was)
    writeFileSync(file, now)
  })

/** A line more in a file, an empty one if no other is given. */
export const longer = (path: () => string, line = () => ''): TakeAway =>
  changed(path, (file) => appendFileSync(file, `${line()}\n`))

/** A file that others can read. */
export const readable =
  (path: () => string): TakeAway =>
  async () => {
    const { mode } = statSync(path())
    chmodSync(path(), 0o644)
    return () => {
      chmodSync(path(), mode)
    }
  }

/** A file or folder that is not there. */
export const moved =
  (path: () => string): TakeAway =>
  async () => {
    const from = path()
    renameSync(from, `${from}.away`)
    return () => {
      renameSync(`${from}.away`, from)
    }
  }

/** How a release that was built is lost; a file of it can have another content. */
export const releaseLost = (folder: () => string, file: string): Record<string, TakeAway> => ({
  'it is gone': moved(folder),
  'a file has another content': longer(() => join(folder(), file)),
})

/** A statement, and the one that takes it back. */
export const statement =
  (on: () => pg.Client, take: string, back: string): TakeAway =>
  async () => {
    await on().query(take)
    return () => on().query(back)
  }

/** Rows that go, and come back as they were. `table` is quoted where it needs to be. */
export const rows =
  (on: () => pg.Client, table: string, where: () => string): TakeAway =>
  async () => {
    const gone = await on().query(
      `DELETE FROM ${table} t WHERE ${where()} RETURNING to_jsonb(t) AS row`,
    )
    expect(gone.rowCount).toBeGreaterThan(0)
    return () =>
      on().query(
        `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(NULL::${table}, r)).* FROM jsonb_array_elements($1) r`,
        [JSON.stringify((gone.rows as { row: unknown }[]).map(({ row }) => row))],
      )
  }

/** Other values in rows that have an id, and again those that were there. */
export const values =
  (on: () => pg.Client, table: string, where: () => string, set: string): TakeAway =>
  async () => {
    const { rows: was } = await on().query<{ row: Record<string, unknown> }>(
      `SELECT to_jsonb(t) AS row FROM ${table} t WHERE ${where()}`,
    )
    const { rowCount } = await on().query(`UPDATE ${table} t SET ${set} WHERE ${where()}`)
    expect(rowCount).toBeGreaterThan(0)
    return async () => {
      for (const { row } of was) {
        const columns = Object.keys(row).map((name) => `"${name}"`)
        await on().query(
          `UPDATE ${table} t SET (${columns.join()}) = (SELECT ${columns.map((c) => `r.${c}`).join()}
             FROM jsonb_populate_record(NULL::${table}, $1) r) WHERE t.id::text = $2`,
          [row, String(row['id'])],
        )
      }
    }
  }

/** Another value of an input; where it is asked for outside a run. */
export const told =
  (stage: Stage, name: string, value: string | number): TakeAway =>
  () => {
    const { inputs, secrets } = stage.here().bound
    const was = inputs[name]
    const set = (to: unknown): void => {
      inputs[name] = to
      if (secrets.has(name)) secrets.set(name, String(to))
    }
    set(value)
    return Promise.resolve(() => set(was))
  }

/** One loss after the other; what was lost last comes back first. */
export const both =
  (first: TakeAway, second: TakeAway): TakeAway =>
  async () => {
    const one = await first()
    const other = await second()
    return async () => {
      await other()
      await one()
    }
  }

/** A stand-in is called, and called again to make it good. */
export const called =
  (stage: Stage, take: string[], back: string[]): TakeAway =>
  async () => {
    await stage.call(take[0] ?? '', ...take.slice(1))
    return () => stage.call(back[0] ?? '', ...back.slice(1))
  }

/** A unit of the machine that does not run. */
export const stopped = (stage: Stage, unit: string): TakeAway =>
  called(stage, ['systemctl', 'stop', unit], ['systemctl', 'start', unit])

/** Another release serves, by the link and a restart. */
export const linked =
  (stage: Stage, unit: string, other: string, again: string): TakeAway =>
  async () => {
    const pointTo = async (release: string) => {
      symlinkSync(release, stage.at('releases/current.new'))
      renameSync(stage.at('releases/current.new'), stage.at('releases/current'))
      await stage.call('systemctl', 'restart', unit)
    }
    await pointTo(other)
    return () => pointTo(again)
  }

/** A deployment of the cluster runs another image. `container`: its name, and the image without a tag. */
export const rolled =
  (stage: Stage, name: string, container: string, other: string, again: string): TakeAway =>
  async () => {
    const roll = async (release: string) => {
      await stage.call('kubectl', 'set', 'image', `deployment/${name}`, `${container}:${release}`)
      await stage.call('kubectl', 'rollout', 'status', `deployment/${name}`)
    }
    await roll(other)
    return () => roll(again)
  }

/** An image that the machine, or its registry, knows no more. */
export const forgotten = (stage: Stage, where: 'images' | 'pushed', image: string): TakeAway =>
  changed(
    () => stage.at('stand-ins.json'),
    (file) => {
      const memory = JSON.parse(readFileSync(file, 'utf8')) as Record<
        typeof where,
        Record<string, string>
      >
      expect(memory[where]).toHaveProperty([image])
      delete memory[where][image]
      writeFileSync(file, JSON.stringify(memory))
    },
  )
