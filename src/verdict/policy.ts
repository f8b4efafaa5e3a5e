/**
 * What turns hits into `match` or `review`. Data, versioned, and stored with every verdict: changing a number here
 * means a new version.
 */
export interface Policy {
  version: string;
  /** A reference fingerprint this near is a hit. PDQ's recommended threshold (Meta, "The TMK+PDQF Video-Hashing Algorithm…", 2019). */
  withinBits: number;
  /** A match of stills needs a hit at least this near, or ... */
  stillBits: number;
  /** ... one confirmed by the blockhash at this distance. */
  stillBlockhashBits: number;
  /** Distinct frames that must agree in time before two videos match. */
  minFrames: number;
  /** A shared span shorter than this is only a match when it is most of either video: a sting or a news clip is not the video. */
  minSpanMs: number;
  minCoverage: number;
}

export const POLICY: Policy = {
  version: "2026-11-24.1",
  withinBits: 31,
  stillBits: 24,
  stillBlockhashBits: 80,
  minFrames: 2,
  minSpanMs: 3_000,
  minCoverage: 0.5,
};
