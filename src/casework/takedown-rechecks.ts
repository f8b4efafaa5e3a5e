import type { Pool } from "pg";
import { transaction } from "../platform/database.js";
import { SERVICE } from "./history.js";
import type { CaseworkSettings } from "./settings.js";
import { holdTakedown, noteTakedown, queueAgain } from "./takedown-life.js";
import { RECHECK_HOURS } from "./takedown-reports.js";
import { STILL_THERE } from "./takedowns.js";

/** Looks at an address: media itself, or the page that showed it. */
export type IsThere = (url: string, what: "media" | "page") => Promise<"there" | "gone" | "unknown">;

/** At most so many in one call, so that whoever calls can stop in between. */
const BATCH = 64;
/** Looked at side by side: each may wait for a slow server. */
const AT_ONCE = 8;
/** A process that dies while it looks leaves the takedown to others after this. */
const LEASE_MINUTES = 15;

interface Due {
  id: string;
  url: string | null;
  what: "media" | "page";
  rechecks: number;
}

/**
 * Looks again for media that was reported removed, when its time has come (see {@link RECHECK_HOURS}); what is there again is asked for
 * again. Call it until it returns 0 due. No transaction is open while it looks.
 */
export async function recheckTakedowns(
  pool: Pool,
  isThere: IsThere,
  settings: Pick<CaseworkSettings, "takedownDeadlineHours">,
): Promise<{ due: number; cameBack: number }> {
  const due = await claim(pool);
  let cameBack = 0;
  for (let from = 0; from < due.length; from += AT_ONCE) {
    const found = await Promise.all(due.slice(from, from + AT_ONCE).map((one) => recheck(pool, one, isThere, settings)));
    cameBack += found.filter((answer) => answer === "there").length;
  }
  return { due: due.length, cameBack };
}

async function claim(pool: Pool): Promise<Due[]> {
  const { rows } = await pool.query<Due>(
    `update takedown t set recheck_at = now() + make_interval(mins => $1)
     from submission s
     where s.id = t.submission_id and t.id in (
       select id from takedown where recheck_at <= now() and state = 'removed' order by recheck_at limit $2 for no key update skip locked
     )
     returning t.id, coalesce(s.media_url, s.page_url) as url, case when s.media_url is null then 'page' else 'media' end as what, t.rechecks`,
    [LEASE_MINUTES, BATCH],
  );
  return rows;
}

async function recheck(
  pool: Pool,
  due: Due,
  isThere: IsThere,
  settings: Pick<CaseworkSettings, "takedownDeadlineHours">,
): Promise<"there" | "gone" | "unknown"> {
  const answer = due.url === null ? "unknown" : await isThere(due.url, due.what);
  await transaction(pool, async (tx) => {
    const takedown = await holdTakedown(tx, { id: due.id });
    // Something else became of it while we looked: it was asked for again, or its alert was dismissed.
    if (takedown?.state !== "removed" || takedown.recheckAt === null) return;
    if (answer === "there") {
      await queueAgain(tx, takedown, { actor: SERVICE, detail: STILL_THERE }, settings);
      return;
    }
    const nextHours = RECHECK_HOURS[due.rechecks + 1] ?? null;
    await tx.query("update takedown set rechecks = $2, recheck_at = now() + make_interval(hours => $3) where id = $1", [
      due.id,
      due.rechecks + 1,
      nextHours,
    ]);
    await noteTakedown(tx, takedown, SERVICE, noteOf(answer, due));
  });
  return answer;
}

function noteOf(answer: "gone" | "unknown", due: Due): string {
  if (answer === "gone") return "looked for again: it is gone";
  if (due.url === null) return "not looked for again: neither the address of the media nor of the page is known";
  if (due.what === "page") return "looked for again: the page cannot say whether the media is still in it";
  return "looked for again: the server gave no clear answer";
}
