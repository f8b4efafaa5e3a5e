import { appendFile, chmod, chown, copyFile, lstat, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type PostgresServer, startPostgres } from "./servers.js";

export interface BaseBackup {
  dir: string;
  bytes: number;
  ms: number;
}

/** A segment of the log of changes is archived when it is full, and after this time in any case: what a crash of the whole machine can lose. */
export const ARCHIVE_TIMEOUT_S = 5;

/** A PostgreSQL in `folder` that copies its log of changes to `archive` as it is written. */
export async function startArchiving(folder: string, archive: string): Promise<PostgresServer> {
  const server = await startPostgres(folder);
  await mkdir(archive, { mode: 0o700 });
  await likeOwnerOf(join(folder, "postgres"), archive);
  await server.end("SIGINT");
  const copy = `test ! -f ${archive}/%f && cp %p ${archive}/.%f && mv ${archive}/.%f ${archive}/%f`;
  const lines = ["archive_mode = on", `archive_timeout = ${ARCHIVE_TIMEOUT_S}`, `archive_command = '${copy}'`];
  await appendFile(join(folder, "postgres", "postgresql.conf"), `${lines.join("\n")}\n`);
  await server.start();
  return server;
}

/**
 * A base backup while the server runs, by PostgreSQL's low-level functions (manual, 25.3.4): pg_basebackup does the same, and does not come
 * with the embedded binaries. Returns once the log that it needs is archived.
 */
export async function takeBaseBackup(url: string, from: string, to: string): Promise<BaseBackup> {
  const startedAtMs = performance.now();
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    await session.query("select pg_backup_start('drill', true)");
    await mkdir(to, { mode: 0o700 });
    const bytes = await copyCluster(from, to);
    const { rows } = await session.query<{ labelfile: string }>("select labelfile from pg_backup_stop(true)");
    await writeFile(join(to, "backup_label"), rows[0].labelfile);
    return { dir: to, bytes, ms: performance.now() - startedAtMs };
  } finally {
    await session.end();
  }
}

/** What the manual says to leave out: the log, which is archived, and what belongs to the running process. */
const LEFT_OUT =
  /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\/|^postmaster\.|^postgres\.log/;

/** Files that vanish meanwhile, as of a table that is dropped, are in the log. Returns the bytes copied. */
async function copyCluster(from: string, to: string): Promise<number> {
  let bytes = 0;
  for (const path of (await readdir(from, { recursive: true })).sort()) {
    if (LEFT_OUT.test(path)) continue;
    const found = await lstat(join(from, path)).catch(() => undefined);
    if (found?.isDirectory()) await mkdir(join(to, path), { recursive: true, mode: 0o700 });
    else if (found?.isFile())
      bytes += await copyFile(join(from, path), join(to, path)).then(
        () => found.size,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return 0;
          throw error;
        },
      );
  }
  return bytes;
}

export interface Restored {
  server: PostgresServer;
  /** The commit time of the last transaction that was brought back. */
  lastCommitAt: Date;
  ms: number;
}

/** A server in `folder` with the backup and the archived log on top of it, up to its end or to `until`. */
export async function restore(backup: BaseBackup, archive: string, folder: string, until?: Date): Promise<Restored> {
  const startedAtMs = performance.now();
  const dir = join(folder, "postgres");
  await mkdir(folder, { mode: 0o755 });
  await mkdir(dir, { mode: 0o700 });
  await copyCluster(backup.dir, dir);
  const target = until
    ? [
        `recovery_target_time = '${until.toISOString().replace("T", " ").replace("Z", "+00")}'`,
        "recovery_target_action = promote",
      ]
    : [];
  const lines = ["archive_mode = off", `restore_command = 'cp ${archive}/%f %p'`, ...target];
  await appendFile(join(dir, "postgresql.conf"), `${lines.join("\n")}\n`);
  await writeFile(join(dir, "recovery.signal"), "");
  await likeOwnerOf(archive, dir, true);
  const server = await startPostgres(folder);
  const session = new pg.Client({ connectionString: server.url("reupload") });
  await session.connect();
  try {
    for (;;) {
      const { rows } = await session.query<{ busy: boolean; at: Date }>(
        "select pg_is_in_recovery() as busy, pg_last_xact_replay_timestamp() as at",
      );
      if (!rows[0].busy) return { server, lastCommitAt: rows[0].at, ms: performance.now() - startedAtMs };
      await sleep(50);
    }
  } finally {
    await session.end();
  }
}

/** As root, the server runs as another user, whom its files must belong to. */
async function likeOwnerOf(model: string, path: string, deep = false): Promise<void> {
  const { uid, gid } = await stat(model);
  const paths = deep ? [path, ...(await readdir(path, { recursive: true })).map((name) => join(path, name))] : [path];
  for (const one of paths) await chown(one, uid, gid);
  await chmod(path, 0o700);
}
