import type { Match, Verdict } from "../model.js";
import type { Db } from "../platform/database.js";
import { reasonsFor } from "../verdict/explain.js";

/**
 * The verdict without the references that a person dismissed for this very file: `clear` when none is left. Its reasons say what was left
 * out and why.
 *
 * @param sha256 hexadecimal, of the media
 */
export async function withoutDismissed(
  db: Db,
  verdict: Verdict,
  sha256: string | undefined,
): Promise<{ verdict: Verdict; dismissed: Match[] }> {
  if (sha256 === undefined || verdict.matches.length === 0) return { verdict, dismissed: [] };
  const { rows } = await db.query<{ referenceId: string; reason: string }>(
    `select reference_id as "referenceId", reason from dismissal
     where media_sha256 = decode($1, 'hex') and reference_id = any($2::uuid[])`,
    [sha256, verdict.matches.map((m) => m.reference.id)],
  );
  if (rows.length === 0) return { verdict, dismissed: [] };
  const why = new Map(rows.map((row) => [row.referenceId, row.reason]));
  const dismissed = verdict.matches.filter((m) => why.has(m.reference.id));
  const matches = verdict.matches.filter((m) => !why.has(m.reference.id));
  const kind = matches.length === 0 ? "clear" : matches.some((m) => m.verdict === "match") ? "match" : "review";
  const found = matches.length === 0 ? [] : reasonsFor(kind, matches, NOTHING_UNUSABLE);
  const left = dismissed.map(
    (m) => `dismissed before: known material "${m.reference.label}" of case ${m.caseId}, because: ${why.get(m.reference.id)}`,
  );
  return { verdict: { ...verdict, kind, matches, reasons: [...found, ...left] }, dismissed };
}

/** What reasons for matches do not mention. */
const NOTHING_UNUSABLE = { framesRead: 0, framesUnusable: 0, fingerprints: [] };
