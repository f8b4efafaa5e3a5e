import type { PatchSet } from "../model.js";
import { PATCH_ALGORITHM } from "./patches.js";

/** Lengths are kept in 1/4096 of the picture's longer side. */
export const PATCH_UNITS = 4096;

const SET_BYTES = 11;
const PATCH_BYTES = 22;

/**
 * Patch sets as bytes, big-endian: for each set atMs and untilMs (32 bits), width (16), number of patches (8); for each
 * of these x, y, side (16) and the hash (128).
 */
export function packPatchSets(sets: PatchSet[]): Uint8Array {
  const bytes = new Uint8Array(sets.reduce((sum, s) => sum + SET_BYTES + PATCH_BYTES * s.patches.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { atMs, untilMs, width, patches } of sets) {
    view.setUint32(at, Math.round(atMs));
    view.setUint32(at + 4, Math.round(untilMs));
    view.setUint16(at + 8, toUnits(width));
    view.setUint8(at + 10, patches.length);
    at += SET_BYTES;
    for (const { x, y, side, hash } of patches) {
      [x, y, side].forEach((value, i) => view.setUint16(at + 2 * i, toUnits(value)));
      bytes.set(hash, at + 6);
      at += PATCH_BYTES;
    }
  }
  return bytes;
}

/** What {@link packPatchSets} packed. */
export function unpackPatchSets(bytes: Uint8Array): PatchSet[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sets: PatchSet[] = [];
  for (let at = 0; at < bytes.length; ) {
    const set: PatchSet = {
      algorithm: PATCH_ALGORITHM,
      atMs: view.getUint32(at),
      untilMs: view.getUint32(at + 4),
      width: view.getUint16(at + 8) / PATCH_UNITS,
      patches: [],
    };
    const count = view.getUint8(at + 10);
    at += SET_BYTES;
    for (let i = 0; i < count; i++, at += PATCH_BYTES) {
      const [x, y, side] = [0, 2, 4].map((offset) => view.getUint16(at + offset) / PATCH_UNITS);
      set.patches.push({ x, y, side, hash: bytes.slice(at + 6, at + PATCH_BYTES) });
    }
    sets.push(set);
  }
  return sets;
}

/** A length in 1/{@link PATCH_UNITS}. */
export const toUnits = (share: number): number => Math.round(share * PATCH_UNITS);
