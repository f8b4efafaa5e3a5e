import { viewsFromHashes } from "../fingerprint/approximate-views.js";
import { withInverted } from "../fingerprint/fingerprint-frame.js";
import { groupBy } from "../fingerprint/group.js";
import { LISTED, META_ALGORITHM, type StillReading } from "../fingerprint/meta-pdq.js";
import { PATCH_BYTES, PATCH_UNITS } from "../fingerprint/patches.js";
import type { Fingerprint, KnownPatch, MediaKind, PatchSet, Query } from "../model.js";
import type { Db } from "../platform/database.js";
import { isOfAlgorithm, PATCH_COLUMNS } from "./patches.js";

/** What is known of a file's bytes without decoding them. */
export type Recalled = Pick<StillReading, "kind" | "durationMs" | "fingerprints" | "patchSets" | "listed">;

interface ReferenceRow {
  id: string;
  kind: MediaKind;
  durationMs: string;
}

/**
 * What an active reference keeps of a file with these bytes, as a scan would have read it; undefined when none was read from such a file, or
 * by another pipeline. Looked up, it is found again bit by bit, so that the same bytes are always a match, and so is what else is known of what they show.
 *
 * It is coarser than a scan: one picture a second instead of four, patches of one in two seconds, views estimated. So copies of *other*
 * material inside the file are found a little less often than by decoding; its takedown is asked for in any case.
 *
 * A reference from a hash list, or learned from a part of an upload, does not tell all that is in a file. Neither does one without patches.
 */
export async function recall(
  db: Db,
  sha256: string,
  { algorithm, patchAlgorithm }: { algorithm: string; patchAlgorithm: string },
): Promise<Recalled | undefined> {
  const { rows } = await db.query<ReferenceRow>(
    `select r.id, r.kind, r.duration_ms as "durationMs"
     from reference r
     where r.sha256 = decode($1, 'hex') and r.algorithm = $2 and r.retired_at is null
       and r.learned_from is null and r.list_entry is null
       and exists (select from reference_patch p where p.reference_id = r.id and ${isOfAlgorithm("$3")})
     order by r.seq limit 1`,
    [sha256, algorithm, patchAlgorithm],
  );
  if (rows.length === 0) return undefined;
  const [{ id, kind, durationMs }] = rows;
  const known = await fingerprintsOf(db, id);
  const fingerprints = known.filter((f) => f.algorithm === algorithm).map(withViews);
  const listed = known.find((f) => f.algorithm === META_ALGORITHM);
  // A still that was added before Meta's hash was kept would not be found in lists.
  if (fingerprints.length === 0 || (kind === "image" && !listed)) return undefined;
  return {
    kind,
    durationMs: Number(durationMs),
    fingerprints,
    patchSets: patchSetsOf(await patchesOf(db, id, patchAlgorithm), patchAlgorithm),
    ...(listed && { listed: listedAs(listed, algorithm) }),
  };
}

async function fingerprintsOf(db: Db, referenceId: string): Promise<Fingerprint[]> {
  const { rows } = await db.query<Omit<Fingerprint, "blockhash"> & { blockhash: Buffer | null }>(
    `select algorithm, variant, at_ms as "atMs", until_ms as "untilMs", quality, substring(bit_send(pdq) from 5) as pdq, blockhash
     from reference_fingerprint where reference_id = $1 order by at_ms, id`,
    [referenceId],
  );
  return rows.map((row) => ({ ...row, blockhash: row.blockhash ?? new Uint8Array(0) }));
}

const withViews = (fingerprint: Fingerprint): Query => ({
  ...fingerprint,
  views: viewsFromHashes(fingerprint.pdq, fingerprint.blockhash),
});

/** As `listedQuery` makes it of the picture. */
const listedAs = (fingerprint: Fingerprint, algorithm: string): Query => ({
  ...fingerprint,
  algorithm,
  variant: LISTED,
  views: withInverted([{ dihedral: "original", pdq: fingerprint.pdq }]),
});

type Patch = Omit<KnownPatch, "id" | "referenceId">;

async function patchesOf(db: Db, referenceId: string, algorithm: string): Promise<Patch[]> {
  const { rows } = await db.query<Patch>(
    `select ${PATCH_COLUMNS} from reference_patch p where p.reference_id = $1 and ${isOfAlgorithm("$2")} order by p.at_ms, p.id`,
    [referenceId, algorithm],
  );
  return rows;
}

/** A blob lies so much of its patch's side from the edge, or further: see `blobs.ts`. */
const MARGIN = 0.45;

/** Patches by moment. The picture's size is not kept: the longer side is known, and the other reaches at least as far as the patches do. */
function patchSetsOf(patches: Patch[], algorithm: string): PatchSet[] {
  const reach = (of: (p: Patch) => number) => patches.reduce((most, p) => Math.max(most, of(p) + MARGIN * p.side), 0);
  const [width, height] = [Math.ceil(reach((p) => p.x)), Math.ceil(reach((p) => p.y))];
  const shape = width >= height ? { width: PATCH_UNITS, height } : { width, height: PATCH_UNITS };
  return [...groupBy(patches, (p) => p.atMs).values()].map((moment) => ({
    algorithm,
    atMs: moment[0].atMs,
    untilMs: moment[0].untilMs,
    ...shape,
    places: Uint16Array.from(moment.flatMap((p) => [p.x, p.y, p.side])),
    hashes: endToEnd(moment),
  }));
}

function endToEnd(patches: Patch[]): Uint8Array {
  const hashes = new Uint8Array(PATCH_BYTES * patches.length);
  patches.forEach(({ hash }, i) => {
    hashes.set(hash, PATCH_BYTES * i);
  });
  return hashes;
}
