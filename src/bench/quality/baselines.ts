import { blockhashOf } from "../../fingerprint/blockhash.js";
import { distance } from "../../fingerprint/hash.js";
import { pdqOf } from "../../fingerprint/pdq.js";
import type { Frame, Hash, Segment } from "../../model.js";
import { phashOf } from "./phash.js";
import { sampleFrames } from "./sample-frames.js";
import type { Detector, DetectorResult } from "./types.js";

interface TimedHash {
  atMs: number;
  hash: Hash;
}

interface FrameBag {
  name: string;
  /** Undefined for a frame that the algorithm leaves out. */
  hashOf(frame: Frame): Hash | undefined;
  withinBits: number;
  /** Share, in percent, of the query's and of the compared file's frames that have a counterpart in the other. */
  isMatch(queryPercent: number, comparedPercent: number): boolean;
}

const FRAMES_PER_SECOND = 1;

const pdqAbove49 = (frame: Frame): Hash | undefined => {
  const { hash, quality } = pdqOf(frame.luma, frame.width, frame.height);
  return quality >= 50 ? hash : undefined;
};
const anyFrame = (queryPercent: number) => queryPercent > 0;

/**
 * What others use, through our decoder, at one frame a second. vPDQ is a bag of PDQ hashes; its README asks 80 % of the compared video and 0 % of
 * the query, its Python code (`vpdq_util.py`) 80 % of the query and 0 % of the compared video. pHash within 10 of 64 bits and blockhash within 10
 * of 256 match when any frame does.
 */
export const BASELINES: readonly (() => Detector)[] = [
  () =>
    frameBagDetector({ name: "vpdq-documented", hashOf: pdqAbove49, withinBits: 31, isMatch: (_, compared) => compared >= 80 }),
  () => frameBagDetector({ name: "vpdq-coded", hashOf: pdqAbove49, withinBits: 31, isMatch: (query) => query >= 80 }),
  () => frameBagDetector({ name: "phash", hashOf: (f) => phashOf(f.luma, f.width, f.height), withinBits: 10, isMatch: anyFrame }),
  () =>
    frameBagDetector({
      name: "blockhash",
      hashOf: (f) => blockhashOf(f.luma, f.width, f.height),
      withinBits: 10,
      isMatch: anyFrame,
    }),
];

function frameBagDetector(bag: FrameBag): Detector {
  const references: { caseId: string; hashes: TimedHash[] }[] = [];
  const add = (caseId: string, frames: Frame[]) => {
    const hashes = hashesOf(bag, frames);
    references.push({ caseId, hashes });
    return hashes.length;
  };
  const find = (frames: Frame[]): DetectorResult => {
    const query = hashesOf(bag, frames);
    const found = references.flatMap(({ caseId, hashes }) => {
      const segment = compare(bag, query, hashes);
      return segment ? [{ caseId, ...segment }] : [];
    });
    return { flagged: found.length > 0 ? "match" : "clear", caseIds: found.map((f) => f.caseId), segments: found };
  };
  return {
    name: bag.name,
    async register(known) {
      let fingerprints = 0;
      for (const { caseId, path } of known) fingerprints += add(caseId, await sampleFrames(path, FRAMES_PER_SECOND));
      return { fingerprints };
    },
    check: async (path) => find(await sampleFrames(path, FRAMES_PER_SECOND)),
    registerFrames: async (caseId, frames) => void add(caseId, frames),
    checkFrames: async (frames) => find(frames),
  };
}

/** Equal hashes count once, as in vPDQ. */
function hashesOf({ hashOf }: FrameBag, frames: Frame[]): TimedHash[] {
  const seen = new Map<string, TimedHash>();
  for (const frame of frames) {
    const hash = hashOf(frame);
    if (hash && !seen.has(hash.join())) seen.set(hash.join(), { atMs: frame.atMs, hash });
  }
  return [...seen.values()];
}

/** The span from the first to the last frame with a counterpart, or undefined when it is no match. */
function compare(bag: FrameBag, query: TimedHash[], compared: TimedHash[]): Segment | undefined {
  const pairs: { query: TimedHash; compared: TimedHash }[] = [];
  for (const q of query)
    for (const c of compared) if (distance(q.hash, c.hash) <= bag.withinBits) pairs.push({ query: q, compared: c });
  if (pairs.length === 0) return undefined;
  const queryPercent = (new Set(pairs.map((p) => p.query)).size * 100) / query.length;
  const comparedPercent = (new Set(pairs.map((p) => p.compared)).size * 100) / compared.length;
  if (!bag.isMatch(queryPercent, comparedPercent)) return undefined;
  const frameMs = 1000 / FRAMES_PER_SECOND;
  const queryTimes = pairs.map((p) => p.query.atMs);
  const comparedTimes = pairs.map((p) => p.compared.atMs);
  return {
    submissionFromMs: Math.min(...queryTimes),
    submissionToMs: Math.max(...queryTimes) + frameMs,
    referenceFromMs: Math.min(...comparedTimes),
    referenceToMs: Math.max(...comparedTimes) + frameMs,
  };
}
