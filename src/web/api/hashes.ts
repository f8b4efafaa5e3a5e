import { hashToHex } from "../../fingerprint/hash.js";
import { keptPatchSets } from "../../fingerprint/kept.js";
import { withListed } from "../../fingerprint/meta-pdq.js";
import { parseJob, type ScanJob } from "../../intake/job.js";
import type { MediaSource, Reading } from "../../model.js";

/** About 5 MiB as JSON; of a longer video only the patches that an index would keep go through the queue. */
const MOST_PATCH_SETS = 2_000;

/** A reading as the hash-only media of a job. Its turned views stay behind: the worker estimates them (see approximate-views.ts). */
export function hashesOf(reading: Reading): ScanJob["media"] {
  const { sha256, kind, durationMs } = reading;
  const upright = reading.patchSets.filter((set) => !set.turned);
  const patchSets = upright.length > MOST_PATCH_SETS ? keptPatchSets(upright, kind) : upright;
  return {
    sha256,
    kind,
    durationMs,
    fingerprints: withListed(reading).map((f) => ({
      algorithm: f.algorithm,
      variant: f.variant,
      atMs: f.atMs,
      untilMs: f.untilMs,
      pdq: hashToHex(f.pdq),
      ...(f.blockhash.length === 32 ? { blockhash: hashToHex(f.blockhash) } : {}),
      quality: f.quality,
    })),
    patchSets: patchSets.map((set) => ({
      ...set,
      places: [...set.places],
      hashes: Buffer.from(set.hashes).toString("hex"),
    })),
  };
}

/**
 * The media of a request, as a job's would be read.
 *
 * @throws InvalidSubmissionError naming a field below `media`.
 */
export const mediaOf = (media: ScanJob["media"]): MediaSource => parseJob({ version: 1, submissionId: "request", media }).media;
