import { createHash } from "node:crypto";
import { hashToHex } from "../fingerprint/hash.js";
import { packPatchSets } from "../fingerprint/pack-patches.js";
import type { Submission } from "../model.js";

/** What makes two submissions the same: all of the job except its priority. Fingerprints stand as one digest. */
export function contentOf(submission: Submission): Record<string, unknown> {
  const { priority: _, id: __, media, ...rest } = submission;
  if (!("fingerprints" in media)) return canonical({ media, ...rest }) as Record<string, unknown>;
  const digest = createHash("sha256");
  for (const f of media.fingerprints)
    digest.update(`${f.algorithm} ${f.variant} ${f.atMs} ${hashToHex(f.pdq)} ${hashToHex(f.blockhash)}\n`);
  digest.update(packPatchSets(media.patchSets));
  return canonical({ media: { ...media, patchSets: undefined, fingerprints: digest.digest("hex") }, ...rest }) as Record<
    string,
    unknown
  >;
}

/** SHA-256 of {@link contentOf}, whatever the order of keys. */
export function contentSha256(submission: Submission): Buffer {
  return createHash("sha256")
    .update(JSON.stringify(contentOf(submission)))
    .digest();
}

/** Dotted paths at which two contents differ. */
export function differences(a: unknown, b: unknown, path = ""): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (!isRecord(a) || !isRecord(b)) return [path];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return keys.flatMap((key) => differences(a[key], b[key], path ? `${path}.${key}` : key));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Keys in order, undefined ones left out: equal contents become equal JSON. It is not what `canonicalJson` writes where keys are whole numbers
 * (an object has those first, by size), and the digests of what was submitted are kept: so there are two.
 */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, canonical(v)]));
}
