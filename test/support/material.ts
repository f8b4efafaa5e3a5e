import { DIHEDRALS, type Hash, type Query, type Reading } from "../../src/model.js";

/** A small generator with a seed (mulberry32), so that a failing run can be repeated. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const randomHash = (random: () => number): Hash => Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256));

/** The hash with exactly `bits` of its bits turned. */
export function turnBits(hash: Hash, bits: number, random: () => number): Hash {
  const turned = hash.slice();
  const chosen = new Set<number>();
  while (chosen.size < bits) chosen.add(Math.floor(random() * 256));
  for (const bit of chosen) turned[bit >> 3] ^= 1 << (bit & 7);
  return turned;
}

/** A fingerprint with these hashes; every view but the original is of something else. */
export function queryOf(pdq: Hash, blockhash: Hash, atMs: number, random: () => number, algorithm = "test/1"): Query {
  const views = DIHEDRALS.map((dihedral) =>
    dihedral === "original" ? { dihedral, pdq, blockhash } : { dihedral, pdq: randomHash(random), blockhash: randomHash(random) },
  );
  return { algorithm, variant: "full", atMs, untilMs: atMs, pdq, blockhash, quality: 100, views };
}

/** A video's reading with one made-up fingerprint every half second. */
export function readingOf(seed: number, frames: number, algorithm = "test/1"): Reading {
  const random = randomFrom(seed);
  return {
    sha256: Buffer.from(randomHash(random)).toString("hex"),
    bytes: 1000,
    kind: "video",
    durationMs: frames * 500,
    fingerprints: Array.from({ length: frames }, (_, i) =>
      queryOf(randomHash(random), randomHash(random), i * 500, random, algorithm),
    ),
    patchSets: [],
    framesRead: frames,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}
