import { createHash } from "node:crypto";
import { hashToHex } from "../fingerprint/hash.js";
import type { Signal } from "./entry.js";

/** 32 bytes that are the same for the same hashes, whatever format they came in. */
export function digestOf({ type, frames }: Signal): Buffer {
  const digest = createHash("sha256").update(`${type}\n`);
  for (const { hash, atMs } of frames) digest.update(`${hashToHex(hash)},${atMs}\n`);
  return digest.digest();
}

/** An id for an entry of a list that has none. */
export const nameOf = (signal: Signal): string => `${signal.type}-${digestOf(signal).toString("hex", 0, 16)}`;
