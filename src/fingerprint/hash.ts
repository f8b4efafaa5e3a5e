import type { Hash } from "../model.js";

/**
 * The 32 bytes of a hash in hexadecimal, either case.
 *
 * @throws RangeError if it is not 64 hexadecimal digits.
 */
export function hashFromHex(hex: string): Hash {
  if (!/^[0-9a-fA-F]{64}$/.test(hex))
    throw new RangeError(`a hash is 64 hexadecimal digits, not ${JSON.stringify(hex.slice(0, 80))}`);
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** 64 lower-case hexadecimal digits, as Meta's tools print a PDQ. */
export function hashToHex(hash: Hash): string {
  let hex = "";
  for (let i = 0; i < hash.length; i++) hex += HEX[hash[i]];
  return hex;
}

const BITS_SET = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

/** The number of bits in which two hashes of one length differ. */
export function distance(a: Hash, b: Hash): number {
  let bits = 0;
  for (let i = 0; i < a.length; i++) bits += BITS_SET[a[i] ^ b[i]];
  return bits;
}

/** The distance, or undefined as soon as it is more than `mostBits`: of unrelated hashes a quarter is read for 31 bits. */
export function distanceWithin(a: Hash, b: Hash, mostBits: number): number | undefined {
  let bits = 0;
  for (let i = 0; i < a.length; i++) {
    bits += BITS_SET[a[i] ^ b[i]];
    if (bits > mostBits) return undefined;
  }
  return bits;
}

/** All bits turned: what PDQ and blockhash make of a picture with inverted colours (exactly, but for values at the median). */
export const complement = (hash: Hash): Hash => hash.map((byte) => ~byte);
