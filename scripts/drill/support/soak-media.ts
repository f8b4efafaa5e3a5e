import { createHash } from "node:crypto";
import { generateHashes } from "../../../src/bench/index/generate.js";
import { fixture } from "../../../src/bench/scan-media.js";
import { ALGORITHM } from "../../../src/fingerprint/fingerprint-frame.js";
import { hashToHex } from "../../../src/fingerprint/hash.js";
import type { ScanJob } from "../../../src/intake/job.js";
import { allBadMedia } from "./bad-media-all.js";
import { FORMATS } from "./bad-media-formats.js";
import { clip, PHOTO } from "./bad-media-kitchen.js";
import type { BadMediaSite } from "./bad-media-site.js";

/** What is submitted, by kind. Paths; each submission gets fresh bytes. */
export interface SoakMedia {
  known: string[];
  innocent: string[];
  bad: string[];
}

const KNOWN_FORMATS = ["mp4, index first", "mkv", "webm", "gif", "webp, moving", "jpeg", "png", "webp", "avif", "tiff"];

/** Bombs and their like would take all the time there is; they have a drill of their own. */
const SLOW = ["bombs", "canvases", "many pictures", "odd places"];
const BAD = 60;

export async function makeSoakMedia({ kitchen }: BadMediaSite, seed: number): Promise<SoakMedia> {
  const known = [await clip(kitchen), PHOTO];
  for (const format of KNOWN_FORMATS) known.push(await FORMATS[format](kitchen));
  const bad: string[] = [];
  const inputs = allBadMedia(seed).filter(
    ({ group, expect }) => !SLOW.includes(group) && ["unscannable", "either"].includes(expect.verdict),
  );
  for (const input of inputs.slice(0, BAD)) bad.push(await input.make(kitchen));
  const innocent = [
    ...["flower.webm", "rabbit320.webm", "stream-of-water.mp4"].map((name) => fixture("videos", name)),
    ...["butterfly.jpg", "dinosaur.jpg", "teapot.jpg", "urban-bear.jpg", "wild-bear.jpg"].map((name) => fixture("images", name)),
  ];
  return { known, innocent, bad };
}

const FRAMES = 8;

/** Hashes alone, as an intake with its own hasher sends them: made up, and the same for the same number. */
export function hashesOnly(number: number): ScanJob["media"] {
  const hashes = new Uint8Array(32 * FRAMES);
  generateHashes(hashes, 5_000_011 + number);
  const fingerprints = Array.from({ length: FRAMES }, (_, frame) => {
    const hex = hashToHex(hashes.subarray(32 * frame, 32 * (frame + 1)));
    return { algorithm: ALGORITHM, atMs: 500 * frame, untilMs: 500 * frame + 499, pdq: hex, blockhash: hex, quality: 100 };
  });
  const sha256 = createHash("sha256").update(`soak ${number}`).digest("hex");
  return { sha256, kind: "video", durationMs: 500 * FRAMES, fingerprints };
}

/** A picture's hash, in hexadecimal. */
export function somePdq(number: number): string {
  const hash = new Uint8Array(32);
  generateHashes(hash, 7_000_003 + number);
  return hashToHex(hash);
}
