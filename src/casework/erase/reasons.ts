import type { PoolClient } from "pg";
import type { Match, VerdictKind } from "../../model.js";
import { reasonsFor } from "../../verdict/explain.js";

const NOTHING_LEFT = ["what it was recognised by has been erased"];

/** What the message about an alert must say from now on, wherever it lies. */
export interface Restated {
  alertId: string;
  reasons: string[];
}

interface Row {
  verdictId: string;
  matches: Pick<Match, "caseId" | "verdict" | "transform" | "segments" | "framesAgreeing" | "medianDistanceBits" | "reference">[];
}

/**
 * Says anew what verdicts say, from the matches they still have: their old reasons quote labels and cases. Their alerts' messages in the
 * outbox say the same; those that were delivered are for whoever can reach the queues.
 */
export async function restateVerdicts(tx: PoolClient, verdictIds: string[]): Promise<Restated[]> {
  const { rows } = await tx.query<Row>(
    `select v.id as "verdictId", coalesce(jsonb_agg(jsonb_build_object('caseId', m.case_id, 'verdict', m.verdict,
              'transform', m.transform, 'segments', m.segments, 'framesAgreeing', m.frames_agreeing,
              'medianDistanceBits', m.median_distance_bits, 'reference', jsonb_build_object('label', r.label, 'kind', r.kind))
              order by m.verdict, m.confidence desc, m.id) filter (where m.id is not null), '[]') as matches
     from verdict v left join match m on m.verdict_id = v.id left join reference r on r.id = m.reference_id
     where v.id = any($1::uuid[]) group by v.id`,
    [verdictIds],
  );
  const restated = rows.map(({ verdictId, matches }) => ({ id: verdictId, ...statementOf(matches) }));
  await tx.query(
    `update verdict v set kind = n.kind, reasons = array(select jsonb_array_elements_text(n.reasons))
     from jsonb_to_recordset($1::jsonb) as n (id uuid, kind text, reasons jsonb) where v.id = n.id`,
    [JSON.stringify(restated)],
  );
  await tx.query(
    `update outbox o set payload = jsonb_set(o.payload, '{reasons}', to_jsonb(v.reasons))
     from verdict v join alert a on a.verdict_id = v.id
     where v.id = any($1::uuid[]) and o.job_id = 'alert-' || a.id`,
    [verdictIds],
  );
  const alerts = await tx.query<Restated>(
    `select a.id as "alertId", v.reasons from alert a join verdict v on v.id = a.verdict_id where v.id = any($1::uuid[])`,
    [verdictIds],
  );
  return alerts.rows;
}

function statementOf(matches: Row["matches"]): { kind: VerdictKind; reasons: string[] } {
  if (matches.length === 0) return { kind: "clear", reasons: NOTHING_LEFT };
  const kind = matches.some((match) => match.verdict === "match") ? "match" : "review";
  return { kind, reasons: reasonsFor(kind, matches as Match[], { framesRead: 0, framesUnusable: 0, fingerprints: [] }) };
}
