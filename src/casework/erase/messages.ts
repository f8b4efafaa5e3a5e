import type { PoolClient } from "pg";
import { OUTBOX_CHANNEL } from "../../platform/channels.js";

/** Everything by which messages and answers name what goes. */
export interface Names {
  submissionIds: string[];
  alertIds: string[];
  takedownIds: string[];
  /** Further texts that only what goes contains: the ids of the case, or of the uploader. */
  others: string[];
}

export interface ErasedMessages {
  messages: number;
  parkedJobs: number;
  /** Accepted, and without a verdict yet. */
  waitingSubmissions: number;
  answers: number;
}

/** Removes queue messages (delivered ones too), parked jobs, submissions that wait for a verdict, and answers kept for repeated requests, that are about any of these. */
export async function forgetMessages(
  tx: PoolClient,
  names: Names,
  uploader?: { platform: string; id: string },
): Promise<ErasedMessages> {
  const { submissionIds, alertIds, takedownIds } = names;
  const messages = await tx.query(
    `delete from outbox
     where payload ->> 'submissionId' = any($1::text[]) or payload ->> 'alertId' = any($2::text[]) or payload ->> 'takedownId' = any($3::text[])`,
    [submissionIds, alertIds, takedownIds],
  );
  const parked = await tx.query(
    `delete from parked_job
     where submission_id = any($1::text[]) or payload ->> 'takedownId' = any($2::text[])
        or ($4 in (payload -> 'uploader' ->> 'id', payload -> 'uploader' ->> 'url') and coalesce(payload ->> 'platform', '') = $3)
        or position('"' || $4 || '"' in payload ->> 'cut') > 0`,
    [submissionIds, takedownIds, uploader?.platform ?? null, uploader?.id ?? null],
  );
  const waiting = await tx.query(
    `delete from intake
     where submission_id = any($1::text[])
        or ($3 in (job -> 'uploader' ->> 'id', job -> 'uploader' ->> 'url') and coalesce(job ->> 'platform', '') = $2)`,
    [submissionIds, uploader?.platform ?? null, uploader?.id ?? null],
  );
  const answers = await forgetAnswers(tx, new Set([...submissionIds, ...alertIds, ...takedownIds, ...names.others]));
  return {
    messages: messages.rowCount ?? 0,
    parkedJobs: parked.rowCount ?? 0,
    waitingSubmissions: waiting.rowCount ?? 0,
    answers,
  };
}

/** Answers read at a time. */
const PAGE = 500;

/** Answers of the API are text, which Postgres may not take for JSON; so they are looked through here. */
async function forgetAnswers(tx: PoolClient, names: Set<string>): Promise<number> {
  let [actor, key, forgotten] = ["", "", 0];
  for (;;) {
    const { rows } = await tx.query<{ actor: string; key: string; body: string | null; headers: unknown }>(
      "select actor, key, body, headers from idempotency where (actor, key) > ($1, $2) order by actor, key limit $3",
      [actor, key, PAGE],
    );
    for (const row of rows) {
      if (!mentions([jsonOf(row.body), row.headers], names)) continue;
      await tx.query("delete from idempotency where actor = $1 and key = $2", [row.actor, row.key]);
      forgotten++;
    }
    if (rows.length < PAGE) return forgotten;
    ({ actor, key } = rows[rows.length - 1]);
  }
}

function jsonOf(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return text;
  }
}

/** Whether some text in it is one of the names, or an address that ends in one. */
function mentions(value: unknown, names: Set<string>): boolean {
  if (typeof value === "string") return names.has(value) || value.split("/").some((part) => names.has(decoded(part)));
  return typeof value === "object" && value !== null && Object.values(value).some((part) => mentions(part, names));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Tells whoever works on these takedowns to stop, naming nothing but the takedown's random id. */
export async function announceWithdrawals(tx: PoolClient, takedownIds: string[]): Promise<void> {
  await tx.query(
    `insert into outbox (queue, name, job_id, payload)
     select 'takedowns', 'withdraw', 'takedown-' || id || '-erased',
            jsonb_build_object('takedownId', id, 'withdrawn', true, 'reason', 'erased')
     from unnest($1::uuid[]) as id on conflict (job_id) do nothing`,
    [takedownIds],
  );
  await tx.query("select pg_notify($1, '')", [OUTBOX_CHANNEL]);
}
