import { createHash } from "node:crypto";
import type { App } from "../app.js";
import { markLookedBack } from "../casework/look-back.js";
import { ALGORITHM } from "../fingerprint/fingerprint-frame.js";
import { hashToHex } from "../fingerprint/hash.js";
import { addReference } from "../hash-index/references.js";
import type { ScanJob } from "../intake/job.js";
import { DIHEDRALS, type Reading } from "../model.js";
import { FRAMES_EACH, generateHashes, randomFrom } from "./index/generate.js";
import { fixture } from "./scan-media.js";

/** What is known before the load: so many made-up videos of half a minute. */
export const REFERENCES = 200;

/** Fingerprints that a hash-only submission brings along: those of a clip of a few seconds. */
export const FRAMES_ASKED = 8;

/** One submission in ten is of known material; one in a hundred is a still by path, which has to be read. */
const KNOWN_EVERY = 10;
const FILE_EVERY = 100;

/** A copy's hashes differ from the known ones by up to so many bits. */
const MOST_BITS_TURNED = 12;

/** What BullMQ takes first, and how many in ten have it. */
export const PRIORITIES = [
  { priority: 1, inTen: 1 },
  { priority: 5, inTen: 3 },
  { priority: 10, inTen: 6 },
] as const;

/** What the load is to come to, told by a submission's number alone. */
export const isKnown = (number: number): boolean => number % KNOWN_EVERY === 3;
const isFile = (number: number): boolean => number % FILE_EVERY === 50;

const ID = "load-";
export const idOf = (number: number): string => `${ID}${number}`;
export const numberOf = (id: string): number => Number(id.slice(ID.length));

/** Registers the known material and returns its hashes, end to end. */
export async function addKnown({ database: { pool } }: { database: Pick<App["database"], "pool"> }): Promise<Uint8Array> {
  const hashes = new Uint8Array(32 * FRAMES_EACH * REFERENCES);
  generateHashes(hashes, 2);
  for (let place = 0; place < REFERENCES; place++) {
    const reading = readingOf(hashes.subarray(32 * FRAMES_EACH * place, 32 * FRAMES_EACH * (place + 1)));
    // Ten references a case, so that replicas number re-uploads of the same case at the same time.
    const reference = { caseId: `case-${place % (REFERENCES / 10)}`, label: `known ${place}`, provenance: "own" };
    const { id } = await addReference(pool, reference, reading, ALGORITHM);
    // Nothing was submitted yet. Else the relays would look back, a minute later, over what is being measured.
    await markLookedBack(pool, id);
  }
  return hashes;
}

function readingOf(hashes: Uint8Array): Reading {
  const fingerprints = Array.from({ length: FRAMES_EACH }, (_, frame) => {
    const pdq = hashes.slice(32 * frame, 32 * (frame + 1));
    const views = DIHEDRALS.map((dihedral) => ({ dihedral, pdq }));
    return { algorithm: ALGORITHM, variant: "full", ...timeOf(frame), quality: 100, pdq, blockhash: pdq, views };
  });
  return {
    sha256: sha256(hashes),
    bytes: 1,
    kind: "video",
    durationMs: 500 * FRAMES_EACH,
    fingerprints,
    patchSets: [],
    framesRead: FRAMES_EACH,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}

const timeOf = (frame: number) => ({ atMs: 500 * frame, untilMs: 500 * frame + 499 });
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** The job of a submission. The same number gives the same job; `priority` is that of the mix unless given. */
export function jobOf(number: number, known: Uint8Array, priority: number = priorityOf(number)): ScanJob {
  const submissionId = idOf(number);
  const about = { version: 1 as const, submissionId, platform: "bench", uploader: { id: `profile-${number % 997}` }, priority };
  if (isFile(number)) return { ...about, media: { path: fixture("images", "teapot.jpg") } };
  const hashes = isKnown(number) ? copyOf(known, number) : madeUp(number);
  const fingerprints = Array.from({ length: FRAMES_ASKED }, (_, frame) => {
    const hex = hashToHex(hashes.subarray(32 * frame, 32 * (frame + 1)));
    return { algorithm: ALGORITHM, ...timeOf(frame), pdq: hex, blockhash: hex, quality: 100 };
  });
  return { ...about, media: { sha256: sha256(submissionId), kind: "video", durationMs: 500 * FRAMES_ASKED, fingerprints } };
}

function priorityOf(number: number): number {
  // Spread over tens rather than in a row, so that it does not go with what is known.
  let place = (7 * Math.floor(number / 10) + 3 * number) % 10;
  for (const { priority, inTen } of PRIORITIES) {
    place -= inTen;
    if (place < 0) return priority;
  }
  throw new RangeError("the shares of PRIORITIES do not add up to ten");
}

function madeUp(number: number): Uint8Array {
  const hashes = new Uint8Array(32 * FRAMES_ASKED);
  generateHashes(hashes, 1_000_003 + number);
  return hashes;
}

/** Successive frames of one known video, each with a few bits turned. */
function copyOf(known: Uint8Array, number: number): Uint8Array {
  const random = randomFrom(number);
  const video = Math.floor(random() * REFERENCES);
  const first = video * FRAMES_EACH + Math.floor(random() * (FRAMES_EACH - FRAMES_ASKED));
  const hashes = known.slice(32 * first, 32 * (first + FRAMES_ASKED));
  for (let frame = 0; frame < FRAMES_ASKED; frame++)
    for (let i = Math.floor(random() * MOST_BITS_TURNED); i > 0; i--) {
      const bit = Math.floor(random() * 256);
      hashes[32 * frame + (bit >> 3)] ^= 1 << (bit & 7);
    }
  return hashes;
}
