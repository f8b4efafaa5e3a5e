import type { PoolClient } from "pg";
import { forgetPostings } from "./postings.js";
import { type Restated, restateVerdicts } from "./reasons.js";

export interface ErasedReferences {
  references: number;
  fingerprints: number;
  patches: number;
}

/** What references consist of, before they go. */
export async function countReferences(tx: PoolClient, ids: string[]): Promise<ErasedReferences> {
  const { rows } = await tx.query<ErasedReferences>(
    `select cardinality($1::uuid[]) as "references",
            (select count(*)::int from reference_fingerprint where reference_id = any($1::uuid[])) as fingerprints,
            (select count(*)::int from reference_patch where reference_id = any($1::uuid[])) as patches`,
    [ids],
  );
  return rows[0];
}

/**
 * Takes from references all that they are recognised by and all that names them. Their rows stay, retired and empty, because uploads that
 * were recognised by them are still uploads of the case. The index lock must be held.
 */
export async function emptyReferences(
  tx: PoolClient,
  ids: string[],
): Promise<{ counts: ErasedReferences; restated: Restated[] }> {
  const counts = await countReferences(tx, ids);
  if (ids.length === 0) return { counts, restated: [] };
  await forgetPostings(tx, ids);
  await tx.query("delete from reference_fingerprint where reference_id = any($1::uuid[])", [ids]);
  await tx.query("delete from reference_patch where reference_id = any($1::uuid[])", [ids]);
  await tx.query("delete from hma_content where reference_id = any($1::uuid[])", [ids]);
  await tx.query("delete from dismissal where reference_id = any($1::uuid[])", [ids]);
  await tx.query(
    `update reference set retired_at = coalesce(retired_at, now()), look_back_views = null, label = 'erased', legal_basis = '',
                          sha256 = decode(repeat('00', 32), 'hex'), learned_from = null, list_entry = null, retain_until = null
     where id = any($1::uuid[])`,
    [ids],
  );
  const { rows } = await tx.query<{ id: string }>(
    "select distinct verdict_id as id from match where reference_id = any($1::uuid[])",
    [ids],
  );
  const restated = await restateVerdicts(
    tx,
    rows.map(({ id }) => id),
  );
  return { counts, restated };
}
