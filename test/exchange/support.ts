import type { Pool } from "pg";
import type { BadEntry, Parsed } from "../../src/exchange/entry.js";
import { isBad } from "../../src/exchange/entry.js";
import type { ImportOptions, ImportSteps } from "../../src/exchange/import-list.js";
import { ALGORITHM } from "../../src/fingerprint/fingerprint-frame.js";
import { hashToHex } from "../../src/fingerprint/hash.js";
import { applyListed, unseenEntries } from "../../src/hash-index/listed.js";
import { randomFrom, randomHash } from "../support/material.js";

/** A PDQ in hexadecimal, the same one for the same number. */
export const pdqHex = (seed: number): string => hashToHex(randomHash(randomFrom(seed + 1)));

/** A text as the chunks of a file, of so many bytes each: an entry may be cut anywhere. */
export async function* chunked(text: string | Uint8Array, bytes = 7): AsyncGenerator<Uint8Array> {
  const all = typeof text === "string" ? Buffer.from(text) : text;
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What a parser made of a text, for a test to read: hashes as text, and bad parts as "place: field: problem". */
export async function readAs(
  reader: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Parsed>,
  text: string | Uint8Array,
  bytes?: number,
) {
  const parsed = await collect(reader(chunked(text, bytes)));
  return {
    entries: parsed.flatMap((p) =>
      isBad(p)
        ? []
        : [
            {
              ...p,
              signal: p.signal && { ...p.signal, frames: p.signal.frames.map((f) => ({ ...f, hash: hashToHex(f.hash) })) },
            },
          ],
    ),
    bad: parsed.filter(isBad).map(sentence),
  };
}

export const sentence = ({ place, field, problem }: BadEntry): string => `${place}: ${field}: ${problem}`;

export const steps = (pool: Pool): ImportSteps => ({
  apply: (list, entries, options) => applyListed(pool, list, entries, ALGORITHM, options),
  unseen: unseenEntries,
});

export const options = (more: Partial<ImportOptions> = {}): ImportOptions => ({
  ...{ list: "NCMEC", caseId: "LISTED", actor: "cli", replace: false, dryRun: false },
  onBad: () => {},
  ...more,
});
