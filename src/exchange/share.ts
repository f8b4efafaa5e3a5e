import type { Pool } from "pg";
import { UsageError } from "../errors.js";
import { hashToHex } from "../fingerprint/hash.js";
import { LISTED, META_ALGORITHM } from "../fingerprint/meta-pdq.js";
import { audit } from "../platform/audit.js";
import type { Db } from "../platform/database.js";

/** The PDQs of entries of a list, withdrawn ones too, in the order given. @throws UsageError naming an entry that it never had. */
export async function hashesOfEntries(db: Db, list: string, entries: string[]): Promise<string[]> {
  const { rows } = await db.query<{ entry: string; hash: Buffer }>(
    `select distinct on (r.list_entry) r.list_entry as entry, substring(bit_send(f.pdq) from 5) as hash
     from reference r join reference_fingerprint f on f.reference_id = r.id and f.variant = $3
     where r.provenance = $1 and r.list_entry = any($2::text[]) and r.kind = 'image'
     order by r.list_entry, r.seq desc`,
    [list, entries, LISTED],
  );
  const known = new Map(rows.map((row) => [row.entry, hashToHex(row.hash)]));
  return entries.map((entry) => {
    const hash = known.get(entry);
    if (!hash) throw new UsageError(`ENTRY: list ${list} has no still ${entry}`);
    return hash;
  });
}

/** The PDQs of a case's own active stills: what came in lists is not ours to share. */
export async function ownHashes(db: Db, caseId: string): Promise<string[]> {
  const { rows } = await db.query<{ hash: Buffer }>(
    `select substring(bit_send(f.pdq) from 5) as hash
     from reference r join reference_fingerprint f on f.reference_id = r.id and f.algorithm = $2
     where r.case_id = $1 and r.list_entry is null and r.retired_at is null and r.kind = 'image'
     order by r.seq`,
    [caseId, META_ALGORITHM],
  );
  return [...new Set(rows.map((row) => hashToHex(row.hash)))];
}

/** That hashes, or what we think of them, left the house: how many, for whom, and by whom. */
export async function recordShared(pool: Pool, actor: string, act: string, subject: string, count: number): Promise<void> {
  await audit(pool, { actor, act, subject, detail: { count, to: "stopncii" } });
}
