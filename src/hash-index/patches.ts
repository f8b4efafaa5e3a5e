import { groupBy } from "../fingerprint/group.js";
import {
  bandValues,
  byMoment,
  knownPatches,
  momentOf,
  PATCH_BANDS,
  type PatchTable,
  searchPatches,
} from "../fingerprint/patch-hits.js";
import { LONG_PATCH_ALGORITHM, PATCH_BYTES } from "../fingerprint/patches.js";
import type { KnownPatch, PatchHit, PatchSet } from "../model.js";
import type { Db } from "../platform/database.js";

const BANDS = Array.from({ length: PATCH_BANDS }, (_, band) => band);

/** A known patch's columns in table `p`. Of one that was kept with twice as many bits (until migration 010) the first half are what it is today. */
export const PATCH_COLUMNS = `p.id, p.reference_id as "referenceId", p.at_ms as "atMs", p.until_ms as "untilMs", p.x, p.y, p.side,
  substring(p.hash for ${PATCH_BYTES}) as hash`;

/** Whether a patch in table `p` is of an algorithm (a parameter or a literal), as it is or its first half. */
export const isOfAlgorithm = (algorithm: string): string => `p.algorithm in (${algorithm}, '${LONG_PATCH_ALGORITHM}')`;

/** A condition a band's expression index answers. */
const inBand = (band: number): string =>
  `get_byte(p.hash, ${2 * band}) * 256 + get_byte(p.hash, ${2 * band + 1}) = any($${band + 2}::int[])`;

/** The hits of a submission's patches on active references; one statement for every hundred pictures fetches the candidates. */
export async function lookupPatches(db: Db, sets: PatchSet[], algorithm: string): Promise<PatchHit[]> {
  return searchPatches(sets, (table) => candidatePatches(db, table, algorithm));
}

/** The patches of active references that share a band with one of the table's. */
export async function candidatePatches(db: Db, table: PatchTable, algorithm: string): Promise<KnownPatch[]> {
  if (table.origins.length === 0) return [];
  const { rows } = await db.query<KnownPatch & { hash: Buffer }>(
    `select ${PATCH_COLUMNS}
     from reference_patch p
     join reference r on r.id = p.reference_id
     where r.retired_at is null and ${isOfAlgorithm("$1")} and (${BANDS.map(inBand).join(" or ")})`,
    [algorithm, ...BANDS.map((band) => asArray(bandValues(table, band)))],
  );
  return rows;
}

/** An array as Postgres writes it: the driver would look through each of some thousand numbers for what has to be quoted. */
const asArray = (values: number[]): string => `{${values.join(",")}}`;

/** Adds a reference's patches, in its transaction. */
export async function insertPatches(tx: Db, referenceId: string, sets: PatchSet[]): Promise<void> {
  const rows = sets.flatMap((set) => knownPatches(referenceId, [set]).map((patch) => ({ ...patch, algorithm: set.algorithm })));
  if (rows.length === 0) return;
  await tx.query(
    `insert into reference_patch (reference_id, algorithm, at_ms, until_ms, x, y, side, hash)
     select $1, algorithm, at_ms, until_ms, x, y, side, hash
     from unnest($2::text[], $3::int[], $4::int[], $5::smallint[], $6::smallint[], $7::smallint[], $8::bytea[])
       as t (algorithm, at_ms, until_ms, x, y, side, hash)`,
    [
      referenceId,
      rows.map((r) => r.algorithm),
      rows.map((r) => Math.round(r.atMs)),
      rows.map((r) => Math.round(r.untilMs)),
      rows.map((r) => r.x),
      rows.map((r) => r.y),
      rows.map((r) => r.side),
      rows.map((r) => Buffer.from(r.hash)),
    ],
  );
}

/** All patches of the moments that at least `least` hits of one picture are about: what a second look goes through. */
export async function momentsOfHits(db: Db, hits: PatchHit[], least: number): Promise<Map<string, KnownPatch[]>> {
  const pairs = groupBy(hits, (h) => `${h.query} ${h.mirrored} ${momentOf(h.referenceId, h.referenceAtMs)}`);
  const worth = [...pairs.values()].filter((pair) => pair.length >= least).map(([hit]) => hit);
  const moments = [...groupBy(worth, (h) => momentOf(h.referenceId, h.referenceAtMs)).values()].map(([hit]) => hit);
  const { rows } = await db.query<KnownPatch & { hash: Buffer }>(
    `select ${PATCH_COLUMNS}
     from unnest($1::uuid[], $2::int[]) as m (reference_id, at_ms)
     join reference_patch p using (reference_id, at_ms)`,
    [moments.map((m) => m.referenceId), moments.map((m) => m.referenceAtMs)],
  );
  return byMoment(rows);
}

/** The patches an active reference is recognised by. */
export async function patchesOfReference(db: Db, referenceId: string): Promise<KnownPatch[]> {
  const { rows } = await db.query<KnownPatch & { hash: Buffer }>(
    `select ${PATCH_COLUMNS} from reference_patch p where p.reference_id = $1`,
    [referenceId],
  );
  return rows;
}
