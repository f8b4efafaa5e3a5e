import type { Pool } from "pg";
import { viewsFromHashes } from "../fingerprint/approximate-views.js";
import { groupBy } from "../fingerprint/group.js";
import { LISTED } from "../fingerprint/meta-pdq.js";
import type { Fingerprint, Hit, PastSubmission, ReferenceSummary, Verdict, View } from "../model.js";
import type { Db } from "../platform/database.js";
import { decide } from "../verdict/decide.js";
import type { Policy } from "../verdict/policy.js";
import { type NearTable, nearTable } from "./near.js";

/** The I/O of a look-back; casework's, handed in. */
export interface LookBackSteps {
  past(): AsyncIterable<PastSubmission>;
  /** False when there was nothing to tell that an earlier alert had not told. */
  recordLookBack(past: PastSubmission, verdict: Verdict, reference: ReferenceSummary): Promise<boolean>;
  /** Lets whatever else this process does have its turn. */
  rest(): Promise<void>;
  policy: Policy;
}

/** A still's hash by Meta's pipeline, where one was kept, stands behind its other fingerprints. */
type Kept = PastSubmission & { listed?: Fingerprint };

/** Fingerprints read from the database at a time. */
const PAGE = 10_000;

interface Known {
  table: NearTable;
  /** Of each fingerprint: whose it is, and its time. */
  owner: Uint32Array;
  atMs: Uint32Array;
  references: ReferenceSummary[];
  /** The place in commit order of the newest of them. */
  newestSeq: string;
}

/**
 * Searches past submissions for all entries of a list that came since it was last looked back for, in one pass; returns for how many
 * alerts were raised. Safe to repeat: one that was interrupted is done again from the start, and tells nothing twice.
 */
export async function lookBackForList(pool: Pool, steps: LookBackSteps, list: string, signal: AbortSignal): Promise<number> {
  const known = await newEntries(pool, list);
  if (!known) return 0;
  let raised = 0;
  for await (const past of steps.past()) {
    signal.throwIfAborted();
    await steps.rest();
    for (const [place, hits] of groupBy(hitsIn(past, known, steps.policy.withinBits), (h) => h.owner)) {
      const reference = known.references[place];
      const verdict = decide(
        { ...past, framesRead: past.fingerprints.length, framesUnusable: 0 },
        { hits, patchHits: [], moments: new Map(), references: new Map([[reference.id, reference]]) },
        steps.policy,
      );
      const worthTelling = verdict.kind === "match" || verdict.kind === "review";
      if (worthTelling && (await steps.recordLookBack(past, verdict, reference))) raised++;
    }
  }
  await pool.query("update hash_list set looked_back_seq = greatest(looked_back_seq, $2) where name = $1", [
    list,
    known.newestSeq,
  ]);
  return raised;
}

/** Lists with active entries that past submissions have not been searched for, after an interruption or because they came one by one. */
export async function listsToLookBack(db: Db): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `select name from hash_list l
     where exists (select from reference r
                   where r.provenance = l.name and r.list_entry is not null and r.retired_at is null and r.seq > l.looked_back_seq)
     order by name`,
  );
  return rows.map(({ name }) => name);
}

type OwnedHit = Hit & { owner: number };

/** Every fingerprint of the submission, through all its views, against every entry. Views of hashes are estimates, but the first. */
function hitsIn(past: Kept, { table, owner, atMs, references }: Known, withinBits: number): OwnedHit[] {
  const hits: OwnedHit[] = [];
  past.fingerprints.forEach((fingerprint, query) => {
    for (const view of viewsFromHashes(fingerprint.pdq, fingerprint.blockhash)) hits.push(...hitsOf(view, query));
  });
  if (past.listed) hits.push(...hitsOf({ dihedral: "original", pdq: past.listed.pdq }, past.fingerprints.length));
  return hits;

  function hitsOf({ pdq, dihedral }: View, query: number): OwnedHit[] {
    const found: OwnedHit[] = [];
    table(pdq, withinBits, (number, pdqDistance) => {
      const place = owner[number];
      found.push({
        ...{ query, dihedral, referenceId: references[place].id, referenceVariant: LISTED, owner: place },
        ...{ referenceAtMs: atMs[number], referenceUntilMs: atMs[number], pdqDistance },
      });
    });
    return found;
  }
}

async function newEntries(db: Db, list: string): Promise<Known | undefined> {
  const places = new Map<string, number>();
  const references: ReferenceSummary[] = [];
  const parts: { hash: Buffer; owner: number; atMs: number }[][] = [];
  let newestSeq = "0";
  for (let after = "0"; ; ) {
    const { rows } = await db.query<Row>(
      `select f.id, r.seq, r.id as "referenceId", r.case_id as "caseId", r.label, r.kind, r.duration_ms as "durationMs",
              r.fingerprint_count as "fingerprintCount", f.at_ms as "atMs", substring(bit_send(f.pdq) from 5) as hash
       from hash_list l
       join reference r on r.provenance = l.name and r.list_entry is not null and r.retired_at is null and r.seq > l.looked_back_seq
       join reference_fingerprint f on f.reference_id = r.id
       where l.name = $1 and f.id > $2
       order by f.id limit $3`,
      [list, after, PAGE],
    );
    parts.push(
      rows.map(({ hash, atMs, ...row }) => {
        if (!places.has(row.referenceId)) places.set(row.referenceId, references.push(summaryOf(row)) - 1);
        if (BigInt(row.seq) > BigInt(newestSeq)) newestSeq = row.seq;
        return { hash, atMs, owner: places.get(row.referenceId)! };
      }),
    );
    if (rows.length < PAGE) break;
    after = rows[rows.length - 1].id;
  }
  const all = parts.flat();
  if (all.length === 0) return undefined;
  return {
    table: nearTable(Buffer.concat(all.map((a) => a.hash))),
    owner: Uint32Array.from(all, (a) => a.owner),
    atMs: Uint32Array.from(all, (a) => a.atMs),
    references,
    newestSeq,
  };
}

interface Row {
  id: string;
  seq: string;
  referenceId: string;
  caseId: string;
  label: string;
  kind: ReferenceSummary["kind"];
  durationMs: string;
  fingerprintCount: number;
  atMs: number;
  hash: Buffer;
}

const summaryOf = ({
  referenceId,
  caseId,
  label,
  kind,
  durationMs,
  fingerprintCount,
}: Omit<Row, "hash" | "atMs">): ReferenceSummary => ({
  ...{ id: referenceId, caseId, label, kind, fingerprintCount },
  durationMs: Number(durationMs),
});
