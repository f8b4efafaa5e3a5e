import type { Hash } from "../model.js";

/** Bytes of a hash, and the bands of 16 bits that a search goes by: of 31 differing bits some band has at most one. */
const HASH_BYTES = 32;
const BANDS = 16;
const VALUES = 65_536;
const MASKS = [0, ...Array.from({ length: 16 }, (_, bit) => 1 << bit)];

/** The largest radius for which {@link NearTable} is exact. */
export const MOST_BITS = 31;

/** Calls back with the number of every hash within `withinBits` of `hash`, and how far it is: each once. */
export type NearTable = (hash: Hash, withinBits: number, found: (number: number, bits: number) => void) => void;

/**
 * A table of many hashes (end to end, 32 bytes each) that is searched in memory: multi-index hashing as the database does it (Norouzi,
 * Punjani, Fleet, CVPR 2012), for the one pass over all past submissions that a new list asks for. 96 bytes a hash.
 *
 * @throws RangeError of the search, beyond {@link MOST_BITS}.
 */
export function nearTable(hashes: Uint8Array): NearTable {
  const count = hashes.length / HASH_BYTES;
  const words = wordsOf(hashes);
  const starts = new Uint32Array(BANDS * VALUES + 1);
  const key = (number: number, band: number) => {
    const at = number * HASH_BYTES + 2 * band;
    return band * VALUES + ((hashes[at] << 8) | hashes[at + 1]);
  };
  for (let n = 0; n < count; n++) for (let band = 0; band < BANDS; band++) starts[key(n, band) + 1]++;
  for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
  const next = starts.slice(0, -1);
  const members = new Uint32Array(BANDS * count);
  for (let n = 0; n < count; n++) for (let band = 0; band < BANDS; band++) members[next[key(n, band)]++] = n;
  // The search that last looked at a hash, so that it looks once.
  const lookedAt = new Uint32Array(count);
  let search = 0;
  return (hash, withinBits, found) => {
    if (withinBits > MOST_BITS) throw new RangeError(`the table is exact up to ${MOST_BITS} bits, not ${withinBits}`);
    search++;
    const query = wordsOf(hash);
    for (let band = 0; band < BANDS; band++) {
      const value = (hash[2 * band] << 8) | hash[2 * band + 1];
      for (const mask of MASKS) {
        const at = band * VALUES + (value ^ mask);
        for (let i = starts[at]; i < starts[at + 1]; i++) {
          const number = members[i];
          if (lookedAt[number] === search) continue;
          lookedAt[number] = search;
          const bits = distanceWithin(words, number * 8, query, withinBits);
          if (bits <= withinBits) found(number, bits);
        }
      }
    }
  };
}

/** Copied: a Buffer may lie anywhere in a larger one. */
const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(new Uint8Array(bytes).buffer);

/** Bits that differ, or more than `most` as soon as it is clear that there are more. */
function distanceWithin(words: Uint32Array, at: number, query: Uint32Array, most: number): number {
  let bits = 0;
  for (let i = 0; i < 8 && bits <= most; i++) {
    let x = words[at + i] ^ query[i];
    x -= (x >>> 1) & 0x55555555;
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    bits += Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return bits;
}
