import type { PoolClient } from "pg";
import type { Submission } from "../model.js";
import { type AlertEvidence, evidenceOf, type HeldAlert, isSupportedByOthers, uncount } from "./held-alert.js";
import type { Decision } from "./history.js";
import { requestTakedown } from "./outbox.js";
import { numberReuploads } from "./record.js";
import type { CaseworkSettings } from "./settings.js";
import { holdTakedown, withdrawTakedown } from "./takedown-life.js";

/** What a confirmation did that an undo takes back. */
type Confirmed = {
  /** The takedown that it queued; missing when one was under way. */
  takedownId?: string;
  /** Cases that count the upload because of it. */
  counted: string[];
};

/**
 * It is known material: the upload is counted in its case and its takedown queued, where the verdict did not do so already. An unsure
 * match counts in the case of the strongest one only: several cases may resemble it, and the person saw that one first.
 * Undefined when the verdict found nothing that could be confirmed.
 */
export async function confirm(
  tx: PoolClient,
  alert: HeldAlert,
  actor: string,
  settings: CaseworkSettings,
): Promise<Confirmed | undefined> {
  const [strongest, ...others] = await evidenceOf(tx, alert.id);
  if (!strongest) return undefined;
  const sure = [strongest, ...others].filter((e) => e.verdict === "match").map((e) => e.caseId);
  const caseIds = [...new Set([strongest.caseId, ...sure])];
  const before = await countedIn(tx, alert, caseIds);
  const numbers = await numberReuploads(tx, alert.submissionId, caseIds);
  const reuploadNumber = numbers.get(strongest.caseId)!;
  await tx.query("update alert set reupload_number = $2 where id = $1", [alert.id, reuploadNumber]);
  const takedownId = await askForTakedown(tx, alert, strongest, { actor, reuploadNumber, settings });
  return { takedownId, counted: caseIds.filter((caseId) => !before.includes(caseId)) };
}

async function countedIn(tx: PoolClient, alert: HeldAlert, caseIds: string[]): Promise<string[]> {
  const { rows } = await tx.query<{ caseId: string }>(
    `select case_id as "caseId" from reupload where submission_id = $1 and case_id = any($2::text[])`,
    [alert.submissionId, caseIds],
  );
  return rows.map(({ caseId }) => caseId);
}

async function askForTakedown(
  tx: PoolClient,
  alert: HeldAlert,
  match: AlertEvidence,
  act: { actor: string; reuploadNumber: number; settings: CaseworkSettings },
): Promise<string | undefined> {
  const { rows } = await tx.query<{ content: Omit<Submission, "id"> }>("select content from submission where id = $1", [
    alert.submissionId,
  ]);
  return requestTakedown(tx, {
    submission: { ...rows[0].content, id: alert.submissionId },
    sha256: alert.sha256 ?? undefined,
    match,
    policyVersion: match.policyVersion,
    toolVersion: match.toolVersion,
    actor: act.actor,
    reuploadNumber: act.reuploadNumber,
    deadlineHours: act.settings.takedownDeadlineHours,
  });
}

/** Takes back what {@link confirm} did, except where another alert asks for the same. */
export async function unconfirm(tx: PoolClient, alert: HeldAlert, decision: Decision, actor: string): Promise<void> {
  const { takedownId, counted } = decision.detail as Confirmed;
  const uncounted = await uncount(tx, alert, counted);
  if (uncounted.length > 0) await tx.query("update alert set reupload_number = 0 where id = $1", [alert.id]);
  if (!takedownId || (await isSupportedByOthers(tx, alert))) return;
  const takedown = await holdTakedown(tx, { id: takedownId });
  if (takedown) await withdrawTakedown(tx, takedown, { actor, reason: "the confirmation was taken back" });
}
