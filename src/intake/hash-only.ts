import { hashToHex } from "../fingerprint/hash.js";
import { withListed } from "../fingerprint/meta-pdq.js";
import type { Reading } from "../model.js";
import type { ScanJob } from "./job.js";

/**
 * A reading as the hash-only media of a job. What it says of turned pictures stays behind: the worker estimates turned views (see
 * approximate-views.ts), and turned patches are for the scan that took them.
 */
export const hashesOf = (reading: Reading): ScanJob["media"] => ({
  sha256: reading.sha256,
  kind: reading.kind,
  durationMs: reading.durationMs,
  fingerprints: withListed(reading).map(({ views: _, pdq, blockhash, ...rest }) => ({
    ...rest,
    pdq: hashToHex(pdq),
    ...(blockhash.length > 0 && { blockhash: hashToHex(blockhash) }),
  })),
  patchSets: reading.patchSets
    .filter((set) => !set.turned)
    .map((set) => ({ ...set, places: [...set.places], hashes: Buffer.from(set.hashes).toString("hex") })),
});
