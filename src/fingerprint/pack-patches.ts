import type { PatchSet } from "../model.js";
import { LONG_PATCH_ALGORITHM, LONG_PATCH_BYTES, PATCH_ALGORITHM, PATCH_BYTES, shortened } from "./patches.js";

const SET_BYTES = 13;
const PLACE_BYTES = 6;

/**
 * Patch sets as bytes, big-endian: for each set atMs and untilMs (32 bits), width and height (16), number of patches (8); then x, y
 * and side (16 each) of every patch; then their hashes.
 */
export function packPatchSets(sets: PatchSet[]): Uint8Array {
  const bytes = new Uint8Array(sets.reduce((sum, s) => sum + SET_BYTES + 2 * s.places.length + s.hashes.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { atMs, untilMs, width, height, places, hashes } of sets) {
    view.setUint32(at, Math.round(atMs));
    view.setUint32(at + 4, Math.round(untilMs));
    view.setUint16(at + 8, width);
    view.setUint16(at + 10, height);
    view.setUint8(at + 12, places.length / 3);
    at += SET_BYTES;
    for (const length of places) {
      view.setUint16(at, length);
      at += 2;
    }
    bytes.set(hashes, at);
    at += hashes.length;
  }
  return bytes;
}

/** What {@link packPatchSets} packed. */
export const unpackPatchSets = (bytes: Uint8Array): PatchSet[] => unpack(bytes, PATCH_ALGORITHM, PATCH_BYTES);

/** What was packed before patches had 64 bits, as if it were packed today. */
export const unpackLongPatchSets = (bytes: Uint8Array): PatchSet[] =>
  unpack(bytes, LONG_PATCH_ALGORITHM, LONG_PATCH_BYTES).map(shortened);

function unpack(bytes: Uint8Array, algorithm: string, hashBytes: number): PatchSet[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sets: PatchSet[] = [];
  for (let at = 0; at < bytes.length; ) {
    const count = view.getUint8(at + 12);
    const places = at + SET_BYTES;
    const hashes = places + PLACE_BYTES * count;
    sets.push({
      algorithm,
      atMs: view.getUint32(at),
      untilMs: view.getUint32(at + 4),
      width: view.getUint16(at + 8),
      height: view.getUint16(at + 10),
      places: Uint16Array.from({ length: 3 * count }, (_, i) => view.getUint16(places + 2 * i)),
      hashes: bytes.slice(hashes, hashes + hashBytes * count),
    });
    at = hashes + hashBytes * count;
  }
  return sets;
}
