/**
 * Hashes for measuring an index with, skewed as real ones are. What was measured, on 957 fingerprints of 26 videos and 107 of drawn dark
 * and flat pictures (glows, horizons, cards with text, logos; those that the program would use), over 60,000 pairs of different files
 * that are at least 64 bits apart:
 *
 *   two bands of one place are        equal              within one bit         a pair passes the ring filter
 *     if chance alone ruled           1 in 65,536        1 in 3,855             0.00001 times
 *     in two videos                   3.3 times that     1.7 times that         0.0003
 *     in two dark or flat pictures    58 times           12 times               0.006
 *
 * and from one kept frame of a video to the next 20, 46, 92, 120 and 136 bits differ (5th, 25th, 50th, 75th and 95th percentile). Single
 * bits are not skewed, and neighbouring ones do not depend on each other (50.2 % are equal).
 */

/** A band takes one of so many values, half the time with a bit turned: that gives 58 and 12 times. */
const COMMON_VALUES = 300;

/** Of a dark or flat picture's bands, so many are of the same common picture as the band before: that gives 0.006. */
const SAME_PICTURE = 0.36;

/** Of a video's bands so many are common values: that gives 1.7 times. */
const COMMON_IN_VIDEOS = 0.26;

/** A guess, and on the safe side: the corpus had none among 43 pictures and 26 videos. */
const DARK_OR_FLAT = 0.1;

/** So many frames are like the one before, but for 16 to 64 bits; others are of a new scene. */
const SAME_SCENE = 0.35;

/** Fingerprints of one made-up video: half a minute. */
export const FRAMES_EACH = 60;

const BANDS = 16;

/** Fills `hashes` (32 bytes each) with made-up videos of {@link FRAMES_EACH} frames. The same seed gives the same hashes. */
export function generateHashes(hashes: Uint8Array, seed: number): void {
  const random = randomFrom(seed);
  const common = commonValues();
  const words = new Uint16Array(hashes.buffer, hashes.byteOffset, hashes.length / 2);
  const count = words.length / BANDS;
  let isFlat = false;
  for (let place = 0; place < count; place++) {
    const at = place * BANDS;
    if (place % FRAMES_EACH === 0) isFlat = random() < DARK_OR_FLAT;
    else if (random() < SAME_SCENE) {
      words.copyWithin(at, at - BANDS, at);
      turn(words, at, 16 + Math.floor(random() * 49), random);
      continue;
    }
    fresh(words, at, isFlat, common, random);
  }
}

/** The same for every seed: what is common is common everywhere. */
function commonValues(): Uint16Array {
  const random = randomFrom(1);
  return Uint16Array.from({ length: COMMON_VALUES * BANDS }, () => random() * 65_536);
}

function fresh(words: Uint16Array, at: number, isFlat: boolean, common: Uint16Array, random: () => number): void {
  let picture = Math.floor(random() * COMMON_VALUES);
  for (let band = 0; band < BANDS; band++) {
    if (!isFlat && random() >= COMMON_IN_VIDEOS) {
      words[at + band] = random() * 65_536;
      continue;
    }
    if (!isFlat || random() >= SAME_PICTURE) picture = Math.floor(random() * COMMON_VALUES);
    const turned = random() < 0.5 ? 1 << Math.floor(random() * 16) : 0;
    words[at + band] = common[picture * BANDS + band] ^ turned;
  }
}

function turn(words: Uint16Array, at: number, bits: number, random: () => number): void {
  for (let i = 0; i < bits; i++) {
    const bit = Math.floor(random() * 256);
    words[at + (bit >> 4)] ^= 1 << (bit & 15);
  }
}

/** Views of a frame: the eight symmetries. One of them may be of something known. */
const VIEWS = 8;

/**
 * The hashes of a submission of `frames` frames, eight views each: every third submission is of known material with 0 to 40 bits turned, in
 * one view; everything else is made up.
 */
export function generateSubmission(known: Uint8Array, frames: number, seed: number): Uint8Array {
  const random = randomFrom(seed);
  const queries = new Uint8Array(32 * VIEWS * frames);
  generateHashes(queries, 1_000_003 * seed + 17);
  if (seed % 3 !== 0) return queries;
  const first = Math.floor(random() * (known.length / 32 - frames));
  const words = new Uint16Array(queries.buffer);
  for (let frame = 0; frame < frames; frame++) {
    queries.set(known.subarray(32 * (first + frame), 32 * (first + frame + 1)), 32 * VIEWS * frame);
    turn(words, BANDS * VIEWS * frame, Math.floor(random() * 41), random);
  }
  return queries;
}

/** A small generator with a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
