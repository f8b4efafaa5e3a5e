import { randomUUID } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { InvalidSubmissionError } from "../errors.js";
import { ALGORITHM } from "../fingerprint/fingerprint-frame.js";
import { keptPatchSets } from "../fingerprint/kept.js";
import { withListed } from "../fingerprint/meta-pdq.js";
import { packPatchSets } from "../fingerprint/pack-patches.js";
import { type Match, type Outcome, type Reading, type Submission, VERDICTS, type Verdict } from "../model.js";
import { type Db, transaction } from "../platform/database.js";
import { contentOf, contentSha256, differences } from "./content.js";
import { withoutDismissed } from "./dismissed.js";
import { SERVICE } from "./history.js";
import { raiseAlert, requestTakedown } from "./outbox.js";
import type { CaseworkSettings } from "./settings.js";

/** A verdict and what it was reached from. `reading` is missing when the media could not be read. */
export interface Judgement {
  reading?: Reading;
  verdict: Verdict;
}

/**
 * The outcome an earlier run recorded for this submission, or undefined.
 *
 * @throws InvalidSubmissionError when the id was used for other content; the message names what differs.
 */
export async function earlierOutcome(db: Db, submission: Submission): Promise<Outcome | undefined> {
  const { rows } = await db.query<{ content: Record<string, unknown>; contentSha256: Buffer; scanned: boolean }>(
    `select content, content_sha256 as "contentSha256", scanned_at is not null as scanned from submission where id = $1`,
    [submission.id],
  );
  if (rows.length === 0) return undefined;
  if (!rows[0].contentSha256.equals(contentSha256(submission))) {
    const before = rows[0].content;
    // What was forgotten cannot be compared any more, see forget.ts.
    const what = "media" in before ? `; ${differences(before, contentOf(submission)).join(", ")} differs` : "";
    throw new InvalidSubmissionError("submissionId", `was used before for other content${what}. Use a new submissionId`);
  }
  return outcomeOf(db, submission.id);
}

/**
 * Records everything a scan concludes in one transaction: submission, fingerprints, verdict, matches, numbers, alert,
 * takedown and the outbox rows that announce them. A submission recorded before keeps its first outcome. What a person dismissed for this
 * very file is left out of the verdict.
 *
 * @param settle runs inside the transaction, before anything is written, and gives the judgement to record: the
 *   caller re-judges there when references have come in since it looked.
 */
export async function recordScan(
  pool: Pool,
  submission: Submission,
  settings: CaseworkSettings,
  settle: (tx: PoolClient) => Promise<Judgement>,
): Promise<Outcome> {
  return transaction(pool, async (tx) => {
    const { reading, verdict: judged } = await settle(tx);
    await forgetReceived(tx, submission.id);
    if (!(await insertSubmission(tx, submission, reading))) return (await earlierOutcome(tx, submission))!;
    if (reading && reading.fingerprints.length + reading.patchSets.length > 0)
      await insertFingerprints(tx, submission.id, reading, settings.retentionDays);
    const { verdict } = await withoutDismissed(tx, judged, reading?.sha256);
    const verdictId = await insertVerdict(tx, submission.id, verdict, settings);
    await actOn(tx, { submission, verdict, verdictId: verdictId!, sha256: reading?.sha256, kind: alertKind(verdict), settings });
    return { ...(await outcomeOf(tx, submission.id)), repeated: false };
  });
}

/** It has its verdict: nobody has to queue it again. A row that a relay holds is left to it, so that no verdict waits for a queue. */
async function forgetReceived(tx: PoolClient, submissionId: string): Promise<void> {
  await tx.query("delete from intake where ctid in (select ctid from intake where submission_id = $1 for update skip locked)", [
    submissionId,
  ]);
}

const alertKind = ({ kind }: Verdict): "match" | "review" | "unscannable" | undefined => (kind === "clear" ? undefined : kind);

/** Numbers the re-upload in each case, raises the alert and requests the takedown that a verdict asks for. */
export async function actOn(
  tx: PoolClient,
  act: {
    submission: Submission;
    verdict: Verdict;
    verdictId: string;
    sha256: string | undefined;
    kind: "match" | "review" | "unscannable" | "look-back" | undefined;
    settings: CaseworkSettings;
  },
): Promise<void> {
  const sure = act.verdict.matches.filter((m) => m.verdict === "match");
  const numbers = await numberReuploads(tx, act.submission.id, [...new Set(sure.map((m) => m.caseId))]);
  if (act.kind) await raiseAlert(tx, { ...act, kind: act.kind, numbers });
  if (sure.length === 0) return;
  await requestTakedown(tx, {
    ...act,
    match: sure[0],
    reuploadNumber: numbers.get(sure[0].caseId)!,
    policyVersion: act.verdict.policyVersion,
    toolVersion: act.settings.toolVersion,
    actor: SERVICE,
    deadlineHours: act.settings.takedownDeadlineHours,
  });
}

/** False when the submission was there already. */
async function insertSubmission(tx: PoolClient, submission: Submission, reading: Reading | undefined): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into submission (id, content_sha256, content, platform, page_url, media_url, uploader_id, uploader_url, reported_at,
                             media_sha256, kind, duration_ms, scanned_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, decode($10, 'hex'), $11, $12, now())
     on conflict (id) do nothing`,
    [
      submission.id,
      contentSha256(submission),
      contentOf(submission),
      submission.platform ?? null,
      submission.pageUrl ?? null,
      "url" in submission.media ? submission.media.url : null,
      submission.uploader?.id ?? null,
      submission.uploader?.url ?? null,
      submission.reportedAt ? new Date(submission.reportedAt) : null,
      reading?.sha256 ?? null,
      reading?.kind ?? null,
      reading ? Math.round(reading.durationMs) : null,
    ],
  );
  return rowCount === 1;
}

async function insertFingerprints(tx: PoolClient, submissionId: string, reading: Reading, retentionDays: number): Promise<void> {
  const fingerprints = withListed(reading);
  const patches = packPatchSets(keptPatchSets(reading.patchSets, reading.kind));
  const packed = (key: "pdq" | "blockhash") => Buffer.concat(fingerprints.map((f) => f[key]));
  await tx.query(
    `insert into submission_fingerprint (submission_id, algorithm, variants, at_ms, until_ms, quality, pdq, blockhash, patch_sets, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(days => $10))`,
    [
      submissionId,
      fingerprints[0]?.algorithm ?? ALGORITHM,
      fingerprints.map((f) => f.variant),
      fingerprints.map((f) => Math.round(f.atMs)),
      fingerprints.map((f) => Math.round(f.untilMs)),
      fingerprints.map((f) => Math.round(f.quality)),
      packed("pdq"),
      // Only between stills does it say anything; a video has four fingerprints a second.
      reading.kind === "image" ? packed("blockhash") : Buffer.alloc(0),
      Buffer.from(patches),
      retentionDays,
    ],
  );
}

/** Writes a verdict with its matches; undefined when look-back had recorded the same one before. */
export async function insertVerdict(
  tx: PoolClient,
  submissionId: string,
  verdict: Verdict,
  { toolVersion, policy }: CaseworkSettings,
  lookBackTo?: string,
): Promise<string | undefined> {
  await tx.query("insert into policy (version, content) values ($1, $2) on conflict do nothing", [policy.version, policy]);
  const { rows } = await tx.query<{ id: string }>(
    `insert into verdict (id, submission_id, origin, reference_id, kind, reasons, policy_version, tool_version)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing returning id`,
    [
      randomUUID(),
      submissionId,
      lookBackTo ? "look-back" : "scan",
      lookBackTo ?? null,
      verdict.kind,
      verdict.reasons,
      verdict.policyVersion,
      toolVersion,
    ],
  );
  if (rows.length === 0) return undefined;
  for (const match of verdict.matches) await insertMatch(tx, rows[0].id, match);
  return rows[0].id;
}

async function insertMatch(tx: PoolClient, verdictId: string, match: Match): Promise<void> {
  await tx.query(
    `insert into match (id, verdict_id, reference_id, case_id, verdict, confidence, transform, segments, frames_agreeing,
                        median_distance_bits, coverage_of_reference, coverage_of_submission)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      randomUUID(),
      verdictId,
      match.reference.id,
      match.caseId,
      match.verdict,
      match.confidence,
      match.transform,
      JSON.stringify(match.segments),
      match.framesAgreeing,
      match.medianDistanceBits,
      match.coverageOfReference,
      match.coverageOfSubmission,
    ],
  );
}

/**
 * Counts a submission once in each case; returns its number there. A number is given once: the row of an upload that is dismissed goes
 * (so that counting rows says how many uploads there were), its number stays unused, and an undo gives it back.
 * In order of case id, so that two recordings cannot deadlock.
 */
export async function numberReuploads(tx: PoolClient, submissionId: string, caseIds: string[]): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  for (const caseId of [...caseIds].sort()) {
    await tx.query(`select 1 from "case" where id = $1 for no key update`, [caseId]);
    const { rows } = await tx.query<{ number: number }>(
      `with known as (
         select number from reupload where case_id = $1 and submission_id = $2
       ), next as (
         update "case" set upload_count = upload_count + 1
         where id = $1 and not exists (select from known)
         returning upload_count
       ), added as (
         insert into reupload (case_id, submission_id, number) select $1, $2, upload_count from next returning number
       )
       select number from known union all select number from added`,
      [caseId, submissionId],
    );
    numbers.set(caseId, rows[0].number);
  }
  return numbers;
}

/** What is recorded of a submission. */
export async function outcomeOf(db: Db, submissionId: string): Promise<Outcome> {
  const { rows } = await db.query<{
    kinds: Outcome["verdict"][];
    alertId: string | null;
    takedownId: string | null;
    caseIds: string[];
    number: number | null;
  }>(
    `select array(select kind from verdict where submission_id = $1) as kinds,
            (select id from alert where submission_id = $1 order by seq limit 1) as "alertId",
            (select id from takedown where submission_id = $1) as "takedownId",
            array(select distinct m.case_id from match m join verdict v on v.id = m.verdict_id where v.submission_id = $1 order by 1) as "caseIds",
            (select max(number) from reupload where submission_id = $1) as number`,
    [submissionId],
  );
  const [row] = rows;
  const verdict =
    ["match", "review", "unscannable", "clear"].find((kind) => (row.kinds as string[]).includes(kind)) ?? VERDICTS[0];
  return {
    submissionId,
    verdict: verdict as Outcome["verdict"],
    alertId: row.alertId ?? undefined,
    takedownId: row.takedownId ?? undefined,
    caseIds: row.caseIds,
    reuploadNumber: row.number ?? undefined,
    repeated: true,
  };
}
