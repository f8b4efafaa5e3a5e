import { viewsFromHashes } from "../../fingerprint/approximate-views.js";
import { lookup } from "../../hash-index/lookup.js";
import type { Db } from "../../platform/database.js";

export interface NearKnown {
  referenceId: string;
  caseId: string;
  label: string;
  /** Of 256 bits between the hash and the nearest picture; undefined when it is the same file. */
  bits?: number;
}

const MOST = 50;

/** Active known material whose file has this SHA-256, or with a picture near it if it is a PDQ hash. `hex`: 64 lower-case digits. */
export async function knownNear(db: Db, hex: string, algorithm: string, withinBits: number): Promise<NearKnown[]> {
  const same = await db.query<NearKnown>(
    `select id as "referenceId", case_id as "caseId", label from reference
     where sha256 = decode($1, 'hex') and retired_at is null order by seq desc limit $2`,
    [hex, MOST],
  );
  const pdq = Uint8Array.from(Buffer.from(hex, "hex"));
  // Only PDQ is known of it: the other hash takes no part in finding.
  const blockhash = new Uint8Array(32);
  const views = viewsFromHashes(pdq, blockhash);
  const query = { algorithm, variant: "full", atMs: 0, untilMs: 0, pdq, blockhash, quality: 100, views };
  const { hits, references } = await lookup(db, [query], algorithm, withinBits);
  const nearest = new Map<string, number>();
  for (const hit of hits)
    nearest.set(hit.referenceId, Math.min(hit.pdqDistance, nearest.get(hit.referenceId) ?? Number.POSITIVE_INFINITY));
  const near = [...nearest]
    .sort((a, b) => a[1] - b[1])
    .slice(0, MOST)
    .flatMap(([referenceId, bits]) => {
      const known = references.get(referenceId);
      return known ? [{ referenceId, caseId: known.caseId, label: known.label, bits }] : [];
    });
  return [...same.rows, ...near];
}

/** The newest submissions of the file with this SHA-256, each with its alert if it has one. */
export async function submissionsOf(
  db: Db,
  sha256: string,
): Promise<{ id: string; alertId: string | null; kind: string | null }[]> {
  const { rows } = await db.query<{ id: string; alertId: string | null; kind: string | null }>(
    `select s.id, (select a.id from alert a where a.submission_id = s.id order by a.seq limit 1) as "alertId",
            (select v.kind from verdict v where v.submission_id = s.id order by v.created_at limit 1) as kind
     from submission s where s.media_sha256 = decode($1, 'hex') order by s.seq desc limit $2`,
    [sha256, MOST],
  );
  return rows;
}
