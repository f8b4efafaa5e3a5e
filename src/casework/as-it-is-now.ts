import type { PoolClient } from "pg";
import type { ReferenceSummary, Verdict } from "../model.js";
import { holdIndexStill } from "../platform/index-lock.js";

/**
 * A verdict about one reference, with the case that the reference belongs to by now: cases are merged while a look-back is under way. From
 * here until the transaction ends it stays so. Undefined when the reference was retired or erased meanwhile: then there is nothing to say.
 */
export async function asItIsNow(
  tx: PoolClient,
  verdict: Verdict,
  reference: ReferenceSummary,
): Promise<{ verdict: Verdict; reference: ReferenceSummary } | undefined> {
  await holdIndexStill(tx);
  const { rows } = await tx.query<{ caseId: string }>(
    `select case_id as "caseId" from reference where id = $1 and retired_at is null`,
    [reference.id],
  );
  if (rows.length === 0) return undefined;
  const [{ caseId }] = rows;
  const matches = verdict.matches.map((m) =>
    m.reference.id === reference.id ? { ...m, caseId, reference: { ...m.reference, caseId } } : m,
  );
  return { verdict: { ...verdict, matches }, reference: { ...reference, caseId } };
}
