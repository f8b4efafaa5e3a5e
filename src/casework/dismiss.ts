import type { PoolClient } from "pg";
import { evidenceOf, type HeldAlert, isSupportedByOthers, type Uncounted, uncount } from "./held-alert.js";
import type { Decision } from "./history.js";
import { numberReuploads } from "./record.js";
import type { CaseworkSettings } from "./settings.js";
import { holdTakedown, queueAgain, withdrawTakedown } from "./takedown-life.js";

/** What a dismissal did that an undo takes back. */
type Dismissed = {
  reason: string;
  /** The takedown that it withdrew. */
  takedownId?: string;
  uncounted: Uncounted[];
};

/**
 * It is not known material: the file and each reference of the alert never alert again, the upload no longer counts in its cases, and its
 * takedown is withdrawn unless another alert asks for it.
 */
export async function dismiss(tx: PoolClient, alert: HeldAlert, actor: string, reason: string): Promise<Dismissed> {
  const evidence = await evidenceOf(tx, alert.id);
  await rememberPairs(tx, alert, actor, reason);
  const uncounted = await uncount(tx, alert, [...new Set(evidence.map((e) => e.caseId))]);
  const takedown = await holdTakedown(tx, { submissionId: alert.submissionId });
  const isWithdrawn =
    takedown !== undefined &&
    takedown.state !== "withdrawn" &&
    !(await isSupportedByOthers(tx, alert)) &&
    (await withdrawTakedown(tx, takedown, { actor, reason }));
  return { reason, takedownId: isWithdrawn ? takedown.id : undefined, uncounted };
}

/** A reference that is being erased meanwhile is waited for, and left out. */
async function rememberPairs(tx: PoolClient, alert: HeldAlert, actor: string, reason: string): Promise<void> {
  if (alert.sha256 === null) return;
  await tx.query(
    `insert into dismissal (reference_id, media_sha256, alert_id, actor, reason)
     select r.id, decode($2, 'hex'), a.id, $3, $4
     from alert a join match m on m.verdict_id = a.verdict_id join reference r on r.id = m.reference_id
     where a.id = $1 order by r.id for key share of r
     on conflict do nothing`,
    [alert.id, alert.sha256, actor, reason],
  );
}

/** Takes back what {@link dismiss} did. A pair that another dismissed alert is about stays dismissed. */
export async function undismiss(
  tx: PoolClient,
  alert: HeldAlert,
  decision: Decision,
  actor: string,
  settings: CaseworkSettings,
): Promise<void> {
  const { takedownId, uncounted } = decision.detail as Dismissed;
  await tx.query(
    `update dismissal d set alert_id = other.id, actor = other.decided_by, reason = coalesce(other.reason, d.reason)
     from alert other
     join submission s on s.id = other.submission_id
     join match m on m.verdict_id = other.verdict_id
     where d.alert_id = $1 and other.id <> $1 and other.state = 'dismissed' and s.media_sha256 = d.media_sha256
       and m.reference_id = d.reference_id`,
    [alert.id],
  );
  await tx.query("delete from dismissal where alert_id = $1", [alert.id]);
  await countAgain(tx, alert, uncounted);
  const takedown = takedownId === undefined ? undefined : await holdTakedown(tx, { id: takedownId });
  if (takedown?.state !== "withdrawn") return;
  await queueAgain(tx, takedown, { actor, detail: "the dismissal was taken back" }, settings);
}

/** Under the number it had; under a new one where cases were merged meanwhile, which numbers uploads anew. */
async function countAgain(tx: PoolClient, alert: HeldAlert, uncounted: Uncounted[]): Promise<void> {
  // What was counted before is no news (see 008_notifications.sql).
  await tx.query("select set_config('reupload.quiet', 'on', true)");
  const { rows } = await tx.query<Uncounted>(
    `select coalesce(c.merged_into, c.id) as "caseId", u.number
     from unnest($1::text[], $2::int[]) as u (case_id, number) join "case" c on c.id = u.case_id order by 1`,
    [uncounted.map((u) => u.caseId), uncounted.map((u) => u.number)],
  );
  for (const { caseId, number } of rows) {
    await tx.query(`select 1 from "case" where id = $1 for no key update`, [caseId]);
    await tx.query(
      `insert into reupload (case_id, submission_id, number)
       select id, $2, $3 from "case" where id = $1 and upload_count >= $3
       on conflict do nothing`,
      [caseId, alert.submissionId, number],
    );
    await numberReuploads(tx, alert.submissionId, [caseId]);
  }
}
