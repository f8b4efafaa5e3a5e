import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import type { Pool } from "pg";
import { within } from "../platform/deadline.js";
import type { Log } from "../platform/log.js";
import { type DigestFigures, digestFigures, isSomething } from "./digest-figures.js";
import { type DigestLanguage, digestLetter } from "./digest-letter.js";

export interface DigestOptions {
  /** "smtp://user:password@host:587" or "smtps://…:465". */
  smtpUrl: string;
  from: string;
  to: string[];
  /** From this hour of the day on, 0-23, in `timeZone`. */
  hour: number;
  /** IANA name, such as "Europe/Tirane". */
  timeZone: string;
  language: DigestLanguage;
  publicUrl?: string;
}

const LOOK_MS = 60_000;
/** Longer than a mail server may take; a digest whose relay died is taken up again after this. */
const LEASE_SECONDS = 300;
/** After a failure: five minutes, ten, twenty, and then every hour until the day is over. */
const FIRST_WAIT_SECONDS = 300;
const WAIT_MAX_SECONDS = 3_600;
const FIRST_TIME_SINCE_MS = 86_400_000;
const CONNECT_TIMEOUT_MS = 10_000;
const SOCKET_TIMEOUT_MS = 30_000;
/** In all, so that a server that dribbles is left before the lease ends. */
const MAIL_TIMEOUT_MS = 60_000;

export type DigestOutcome =
  | { did: "not due" | "nothing" }
  | { did: "sent"; refused: number }
  | { did: "failed"; code: string; attempts: number };

/** The day and the hour at `now`, as the clock on the wall says in `timeZone`. */
function wallClock(now: Date, timeZone: string): { day: string; hour: number } {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    hourCycle: "h23",
  }).formatToParts(now);
  const part = (type: string) => parts.find((p) => p.type === type)!.value;
  return { day: `${part("year")}-${part("month")}-${part("day")}`, hour: Number(part("hour")) };
}

/**
 * Sends the digest of the day when its hour has come, nobody has sent it, nobody is sending it, and there is something to say. A digest
 * counts from where the last one ended, so a day without mail is made up for by the next.
 *
 * A process that dies after the mail server took the mail, and before that was written down, leaves the mail to be sent again: under the
 * same Message-ID, so that mail programs can tell.
 */
export async function sendDigest(pool: Pool, options: DigestOptions, now: Date, signal: AbortSignal): Promise<DigestOutcome> {
  const { day, hour } = wallClock(now, options.timeZone);
  if (hour < options.hour) return { did: "not due" };
  const claimed = await pool.query<{ attempts: number }>(
    `insert into digest (day, next_at) values ($1, $2::timestamptz + make_interval(secs => $3))
     on conflict (day) do update set attempts = digest.attempts + 1, next_at = excluded.next_at
     where digest.finished_at is null and digest.next_at <= $2
     returning attempts`,
    [day, now, LEASE_SECONDS],
  );
  if (claimed.rows.length === 0) return { did: "not due" };
  const [{ attempts }] = claimed.rows;
  const figures = await digestFigures(pool, await countedUntil(pool, now), now);
  if (!isSomething(figures)) {
    await finish(pool, day, "nothing", now);
    return { did: "nothing" };
  }
  const sent = await mail(figures, day, options, signal);
  if (typeof sent === "number") {
    await finish(pool, day, "sent", now);
    return { did: "sent", refused: sent };
  }
  const waitSeconds = Math.min(FIRST_WAIT_SECONDS * 2 ** (attempts - 1), WAIT_MAX_SECONDS);
  await pool.query(
    "update digest set next_at = $2::timestamptz + make_interval(secs => $3), last_error = $4 where day = $1 and finished_at is null",
    [day, now, waitSeconds, sent.code],
  );
  return { did: "failed", code: sent.code, attempts };
}

async function countedUntil(pool: Pool, now: Date): Promise<Date> {
  const { rows } = await pool.query<{ until: Date | null }>("select max(counted_until) as until from digest");
  return rows[0].until ?? new Date(now.getTime() - FIRST_TIME_SINCE_MS);
}

const finish = (pool: Pool, day: string, outcome: "sent" | "nothing", until: Date) =>
  pool.query("update digest set outcome = $2, counted_until = $3, finished_at = now(), last_error = null where day = $1", [
    day,
    outcome,
    until,
  ]);

/** How many recipients the mail server refused while it took others; or why it took nothing. */
async function mail(
  figures: DigestFigures,
  day: string,
  options: DigestOptions,
  signal: AbortSignal,
): Promise<number | { code: string }> {
  const transport = createTransport({
    url: options.smtpUrl,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    const domain = /@([a-z0-9.-]+)/i.exec(options.from)?.[1] ?? "reupload.invalid";
    const letter = {
      from: options.from,
      to: options.to,
      ...digestLetter(figures, options),
      messageId: `<digest-${day}@${domain}>`,
      headers: { "Auto-Submitted": "auto-generated" },
    };
    const sent = await within(MAIL_TIMEOUT_MS, signal, (limit) => transport.sendMail({ ...letter, signal: limit }));
    return sent.rejected.length;
  } catch (error) {
    return { code: codeOf(error) };
  } finally {
    transport.close();
  }
}

/** What a mail server says may quote addresses and names: only its numbers and our own code are kept. */
function codeOf(error: unknown): string {
  const { code, responseCode } = error as { code?: string; responseCode?: number };
  return [code ?? (error as Error).name, responseCode].filter((part) => part !== undefined).join(" ");
}

/** Sends the daily digest until `stopping`. Any number of processes may run it: a day's digest is sent by one of them. */
export async function runDigest(pool: Pool, options: DigestOptions, log: Log, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      const outcome = await sendDigest(pool, options, new Date(), stopping);
      if (outcome.did === "sent") log.info({ refusedRecipients: outcome.refused }, "digest sent");
      if (outcome.did === "failed") log.warn(outcome, "the digest could not be sent; trying again later");
    } catch (err) {
      if (!stopping.aborted) log.warn({ err }, "the digest could not be looked after; trying again");
    }
    await sleep(LOOK_MS, undefined, { signal: stopping }).catch(() => {});
  }
}
