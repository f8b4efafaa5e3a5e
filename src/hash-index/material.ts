import type { Fingerprint, KnownMaterial, KnownPatch } from "../model.js";
import type { Db } from "../platform/database.js";
import type { Region } from "../verdict/decide.js";
import { PATCH_COLUMNS } from "./patches.js";

type FingerprintRow = Omit<Fingerprint, "pdq" | "blockhash"> & { referenceId: string; blockhash: Buffer | null; pdq: Buffer };

/** All fingerprints and patches inside the regions, by reference. What was retired or deleted since has none. */
export async function materialOf(db: Db, regions: Region[]): Promise<Map<string, KnownMaterial>> {
  const material = new Map<string, KnownMaterial>(regions.map((r) => [r.referenceId, { fingerprints: [], patches: [] }]));
  if (regions.length === 0) return material;
  const asked = [
    regions.map((r) => r.referenceId),
    regions.map((r) => Math.floor(r.fromMs)),
    regions.map((r) => Math.ceil(r.toMs)),
  ];
  const fingerprints = await db.query<FingerprintRow>(
    `select f.reference_id as "referenceId", f.algorithm, f.variant, f.at_ms as "atMs", f.until_ms as "untilMs", f.quality,
            substring(bit_send(f.pdq) from 5) as pdq, f.blockhash
     from unnest($1::uuid[], $2::int[], $3::int[]) as r (reference_id, from_ms, to_ms)
     join reference_fingerprint f on f.reference_id = r.reference_id and f.until_ms >= r.from_ms and f.at_ms <= r.to_ms`,
    asked,
  );
  for (const { referenceId, blockhash, ...fingerprint } of fingerprints.rows) {
    material.get(referenceId)?.fingerprints.push({ ...fingerprint, blockhash: blockhash ?? new Uint8Array() });
  }
  const patches = await db.query<KnownPatch & { hash: Buffer }>(
    `select ${PATCH_COLUMNS}
     from unnest($1::uuid[], $2::int[], $3::int[]) as r (reference_id, from_ms, to_ms)
     join reference_patch p on p.reference_id = r.reference_id and p.until_ms >= r.from_ms and p.at_ms <= r.to_ms`,
    asked,
  );
  for (const patch of patches.rows) material.get(patch.referenceId)?.patches.push(patch);
  return material;
}
