import { mkdtempSync, rmSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { addKnown, idOf, isKnown } from "../../src/bench/load-submissions.js";
import { createCase } from "../../src/casework/cases.js";
import { drill, failed, wholeFrom } from "./support/arguments.js";
import { ARCHIVE_TIMEOUT_S, type BaseBackup, restore, startArchiving, takeBaseBackup } from "./support/base-backup.js";
import { interrupted, messagesIn, open, sql, submit, submitAgain, until } from "./support/restore-site.js";
import * as restored from "./support/restored.js";
import { startRedis } from "./support/servers.js";

const ACCIDENT = "case-0";
/** Submitted right before the accident. */
const BURST = 15;

/** The disaster comes before all of the third part is there. */
const THIRD_PART_S = 40;

drill("restore", "backs up an installation under load, destroys it, restores it twice, and checks what is there")
  .option("--submissions <n>", "how many, in three parts: before, during and after the backup", wholeFrom(60, 100_000), 900)
  .option("--per-second <n>", "how fast they come in", wholeFrom(1, 1_000), 25)
  .action(async (options: { submissions: number; perSecond: number }) => {
    const folder = mkdtempSync(join(tmpdir(), "reupload-drill-restore-"));
    await chmod(folder, 0o711);
    const broken: string[] = [];
    try {
      await runDrill(folder, options, broken);
    } catch (error) {
      broken.push((error as Error).message);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    say(broken.length === 0 ? "every promise was kept" : `BROKEN:\n  ${broken.join("\n  ")}`);
    process.exitCode = broken.length === 0 ? 0 : 1;
    // Something may still wait for a server that is gone.
    if (interrupted.aborted) process.exit();
  })
  .parseAsync()
  .catch(failed("drill:restore"));

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

interface Before {
  all: string[];
  seen: restored.Witnessed;
  known: string;
  knownWithoutAccident: string;
  head: string;
  backup: BaseBackup;
  archive: string;
  /** Before the accident; the target of the recovery to a point in time. */
  soundAt: Date;
  destroyedAt: Date;
  hashes: Uint8Array;
}

async function runDrill(folder: string, options: { submissions: number; perSecond: number }, broken: string[]): Promise<void> {
  const redis = await startRedis(join(folder, "redis"));
  try {
    const before = await liveAndDie(folder, redis.port, options);
    await toAPoint(folder, redis.port, before, broken);
    await redis.ask("FLUSHALL");
    await toTheEnd(folder, redis.port, before, broken);
  } finally {
    await redis.end("SIGKILL");
  }
}

/** The service works, is backed up while it does, has an accident, goes on, and is destroyed with its database. */
async function liveAndDie(
  folder: string,
  redisPort: number,
  options: { submissions: number; perSecond: number },
): Promise<Before> {
  const archive = join(folder, "archive");
  const server = await startArchiving(join(folder, "first"), archive);
  await sql(server.url("postgres"), "create database reupload");
  const url = server.url("reupload");
  const site = await open(folder, url, redisPort);
  const part = Math.floor(options.submissions / 3);
  try {
    for (let i = 0; i < 20; i++)
      await createCase(site.app.database.pool, { id: `case-${i}`, title: `case ${i}` }, "person:drill");
    const hashes = await addKnown(site.app);
    await submit(site.app, hashes, 0, part, options.perSecond);
    await until("the first part has its verdicts", async () => (await restored.witness(url)).size >= part);
    const known = await restored.knownDigest(url);
    const knownWithoutAccident = await restored.knownDigest(url, ACCIDENT);
    const head = await restored.auditHead(url);

    const second = submit(site.app, hashes, part, 2 * part, options.perSecond);
    const backup = await takeBaseBackup(url, join(folder, "first", "postgres"), join(folder, "base"));
    say(`base backup under load: ${megabytes(backup.bytes)} in ${seconds(backup.ms)}`);
    await second;
    // Some are accepted and not yet scanned at the moment that is gone back to.
    await submit(site.app, hashes, 2 * part, 2 * part + BURST, 1_000);
    const soundAt = (await sql<{ at: Date }>(url, "select clock_timestamp() as at"))[0].at;
    await sleep(500);
    await sql(url, `delete from "case" where id = $1`, [ACCIDENT]);
    const third = submit(site.app, hashes, 2 * part + BURST, 3 * part, part / THIRD_PART_S).catch(() => {});
    await until("some of the third part have their verdicts", async () => (await restored.witness(url)).size >= 2.3 * part);
    await sleep(2 * ARCHIVE_TIMEOUT_S * 1_000);
    const seen = await restored.witness(url);
    const destroyedAt = new Date();
    await server.end("SIGQUIT");
    rmSync(join(folder, "first"), { recursive: true, force: true });
    await third;
    say(`destroyed with ${seen.size} verdicts recorded, while more came in`);
    const all = Array.from({ length: 3 * part }, (_, i) => idOf(i));
    return { all, seen, known, knownWithoutAccident, head, backup, archive, soundAt, destroyedAt, hashes };
  } finally {
    await server.end("SIGQUIT");
    await site.close();
  }
}

/** To the moment before the accident, with the queues as they were left: they know of verdicts, alerts and takedowns that the database has lost. */
async function toAPoint(folder: string, redisPort: number, before: Before, broken: string[]): Promise<void> {
  const { server, ms } = await restore(before.backup, before.archive, join(folder, "second"), before.soundAt);
  try {
    const url = server.url("reupload");
    say(`\n1. to a point in time, the moment before an accident, with the queues newer than the database: up in ${seconds(ms)}`);
    if (!(await restored.caseExists(url, ACCIDENT))) broken.push("point in time: what the accident deleted is not back");
    const kept = await restored.witness(url);
    const [missing, tooNew] = [
      [...before.seen].filter(([id, { at }]) => at < slack(before.soundAt) && !kept.has(id)),
      [...kept].filter(([, { at }]) => at > before.soundAt),
    ];
    if (missing.length > 0) broken.push(`point in time: ${missing.length} verdicts from before it are not there`);
    if (tooNew.length > 0) broken.push(`point in time: ${tooNew.length} verdicts from after it are there`);
    await checkKnown("point in time", url, before.known, before.head, broken);
    const accepted = await restored.waiting(url);
    const site = await open(folder, url, redisPort);
    try {
      await until(
        "what was accepted and lost its verdict is scanned again by itself",
        async () => (await restored.waiting(url)) === 0,
      );
      say(
        `   ${kept.size} verdicts are back; ${accepted} submissions and messages that waited then were dealt with by themselves`,
      );
      await submitAgain(site.app, before);
      await until("every submission has a verdict", async () => (await restored.witness(url)).size === before.all.length);
      await until("nothing waits", async () => (await restored.waiting(url)) === 0);
    } finally {
      await site.close();
    }
    broken.push(...(await restored.doubledOrMissing(url, before.all)).map((what) => `point in time: ${what}`));
    const verdicts = await restored.witness(url);
    const wrong = before.all.filter((id, number) => verdicts.get(id)?.kind !== (isKnown(number) ? "match" : "clear"));
    if (wrong.length > 0) broken.push(`point in time: ${wrong.length} wrong verdicts, such as ${wrong[0]}`);
    const { strangers } = await messagesIn(folder, url, redisPort);
    say(
      `   the intake has sent all again: each of ${before.all.length} has one verdict, the right one, a match one alert and one takedown`,
    );
    say(
      `   ${strangers} messages in the queues are about alerts and takedowns that the database has forgotten: empty the queues first`,
    );
  } finally {
    await server.end("SIGQUIT");
    rmSync(join(folder, "second"), { recursive: true, force: true });
  }
}

/** To the last archived change, with the queues lost. */
async function toTheEnd(folder: string, redisPort: number, before: Before, broken: string[]): Promise<void> {
  const { server, lastCommitAt, ms } = await restore(before.backup, before.archive, join(folder, "third"));
  try {
    const url = server.url("reupload");
    const lostMs = before.destroyedAt.getTime() - lastCommitAt.getTime();
    say(`\n2. to the end of the archive, with the queues lost: up in ${seconds(ms)}`);
    say(`   window of loss: ${lastCommitAt.toISOString()} to ${before.destroyedAt.toISOString()}, ${seconds(lostMs)}`);
    if (lostMs > (ARCHIVE_TIMEOUT_S + 10) * 1_000)
      broken.push(`the end: the window is longer than archive_timeout and ten seconds`);
    const kept = await restored.witness(url);
    const lost = [...before.seen].filter(([id]) => !kept.has(id));
    const outside = lost.filter(([, { at }]) => at < slack(lastCommitAt));
    if (outside.length > 0) broken.push(`the end: ${outside.length} verdicts from before the window are not there`);
    say(`   ${kept.size} of ${before.seen.size} verdicts are back, ${lost.length} are lost, all of them in the window`);
    await checkKnown("the end", url, before.knownWithoutAccident, before.head, broken, ACCIDENT);
    const site = await open(folder, url, redisPort);
    try {
      await submitAgain(site.app, before);
      await until(
        "every submission has a verdict",
        async () => (await restored.witness(url)).size >= kept.size && hasAll(url, before),
      );
      await until("nothing waits", async () => (await restored.waiting(url)) === 0);
    } finally {
      await site.close();
    }
    // What only the deleted case had recognised lost its alert and takedown with it, as a deletion by hand does.
    const since = before.all.filter((id) => !kept.has(id));
    broken.push(...(await restored.doubledOrMissing(url, since)).map((what) => `the end: ${what}`));
    const { strangers, doubled } = await messagesIn(folder, url, redisPort);
    if (strangers + doubled > 0) broken.push(`the end: ${strangers} messages about nothing, ${doubled} twice`);
    say(`   the intake has sent all again: ${since.length} were scanned, once each; no message is doubled or about nothing`);
  } finally {
    await server.end("SIGQUIT");
  }
}

const hasAll = async (url: string, { all }: Before): Promise<boolean> => {
  const there = await restored.witness(url);
  return all.every((id) => there.has(id));
};

/** A verdict's time is that of the beginning of its transaction. */
const slack = (at: Date): Date => new Date(at.getTime() - 2_000);

async function checkKnown(
  name: string,
  url: string,
  known: string,
  head: string,
  broken: string[],
  except?: string,
): Promise<void> {
  const digest = await restored.knownDigest(url, except);
  if (digest !== known) broken.push(`${name}: what is known is not as it was: ${digest} instead of ${known}`);
  const chain = await restored.auditChain(url, head);
  if (chain.broken) broken.push(`${name}: audit log: ${chain.broken}`);
  say(
    `   known material as before (${digest}); the audit log's ${chain.rows} rows verify, and the head noted before is among them`,
  );
}
