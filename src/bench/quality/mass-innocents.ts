import type { Frame } from "../../model.js";
import { shoot, type View } from "./mass/camera.js";
import { loadPhotos } from "./mass/photos.js";
import { randomFrom } from "./mass/random.js";
import { type Canvas, drawScene, SCENES } from "./mass/scenes.js";
import { upperBound } from "./statistics.js";
import type { Table } from "./tables.js";
import type { Detector, Media } from "./types.js";

/** How often a detector took one innocent for another, over many. */
export interface MassScore {
  detector: string;
  test: string;
  /** What `checked` counts. */
  unit: string;
  checked: number;
  matches: number;
  reviews: number;
}

export interface MassOptions {
  innocents: Media[];
  hours?: number;
  pairs?: number;
  onProgress?: (text: string) => void;
}

const CLIP_SECONDS = 60;
const KINDS = Object.keys(SCENES);
const CONFIDENCE = 0.95;

/**
 * Shows the detector hours of innocent film (one frame a second, in clips of a minute, of drawn scenes and of the corpus's innocents framed
 * anew) while the corpus's known material is registered; then registers one picture of each innocent pair and checks the other one.
 * Frames are made as luma, without a codec. Nothing for a detector that does not take frames.
 */
export async function scoreMass(detector: Detector, options: MassOptions): Promise<MassScore[]> {
  if (!detector.checkFrames || !detector.registerFrames) return [];
  const photos = await loadPhotos(options.innocents);
  return [await streamScore(detector, photos, options), await pairScore(detector, photos, options)];
}

async function streamScore(detector: Detector, photos: Canvas[], { hours = 20, onProgress }: MassOptions): Promise<MassScore> {
  const score: MassScore = {
    detector: detector.name,
    test: `${hours} h of innocent film`,
    unit: "1-minute clip",
    checked: 0,
    matches: 0,
    reviews: 0,
  };
  const clips = Math.round(hours * 60);
  for (let clip = 0; clip < clips; clip++) {
    await count(score, detector, clipFrames(clip, photos), "video");
    if (clip % 300 === 299) onProgress?.(`${detector.name}: ${clip + 1} of ${clips} innocent minutes`);
  }
  return score;
}

async function pairScore(detector: Detector, photos: Canvas[], { pairs = 2000, onProgress }: MassOptions): Promise<MassScore> {
  const score: MassScore = {
    detector: detector.name,
    test: `${pairs} innocent image pairs, all against all`,
    unit: "picture",
    checked: 0,
    matches: 0,
    reviews: 0,
  };
  for (let n = 0; n < pairs; n++) await detector.registerFrames!(`innocent picture ${n}`, [pairFrame(n, 0, photos)], "image");
  for (let n = 0; n < pairs; n++) {
    await count(score, detector, [pairFrame(n, 1, photos)], "image");
    if (n % 500 === 499) onProgress?.(`${detector.name}: ${n + 1} of ${pairs} innocent pairs`);
  }
  return score;
}

async function count(score: MassScore, detector: Detector, frames: Frame[], kind: "video" | "image"): Promise<void> {
  const { flagged } = await detector.checkFrames!(frames, kind);
  score.checked++;
  if (flagged === "match") score.matches++;
  if (flagged === "review") score.reviews++;
}

/** A minute of shots of 3 to 12 s, each a slow pan and zoom over its own place. */
export function clipFrames(clip: number, photos: Canvas[]): Frame[] {
  const random = randomFrom(clip * 7919 + 1);
  const frames: Frame[] = [];
  while (frames.length < CLIP_SECONDS) {
    const canvas =
      random() < 0.3 && photos.length > 0
        ? photos[Math.floor(random() * photos.length)]
        : drawScene(KINDS[Math.floor(random() * KINDS.length)], Math.floor(random() * 2 ** 32));
    const look = { gain: 0.6 + random() * 0.7, lift: random() * 60 - 30, seed: clip };
    const size = 0.4 + random() * 0.5;
    const from = { x: random() * (1 - size), y: random() * (1 - size) };
    const to = { x: random() * (1 - size), y: random() * (1 - size) };
    const seconds = 3 + Math.floor(random() * 10);
    for (let s = 0; s < seconds && frames.length < CLIP_SECONDS; s++) {
      const share = s / seconds;
      const view: View = { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share, width: size, height: size };
      frames.push(shoot(canvas, view, frames.length * 1000, look));
    }
  }
  return frames;
}

/** Side 0 or 1 of a pair: two drawn scenes of a kind, or the left and the right part of one photograph (never overlapping). */
export function pairFrame(n: number, side: 0 | 1, photos: Canvas[]): Frame {
  const random = randomFrom(n * 2 + side + 1_000_003);
  const look = { gain: 0.8 + random() * 0.4, lift: random() * 30 - 15, seed: n * 2 + side };
  if (n % 4 === 0 && photos.length > 0) {
    const size = 0.35 + random() * 0.13;
    const view = {
      x: side === 0 ? random() * (0.48 - size) : 0.52 + random() * (0.48 - size),
      y: random() * (1 - size),
      width: size,
      height: size,
    };
    return shoot(photos[(n / 4) % photos.length], view, 0, look);
  }
  const canvas = drawScene(KINDS[n % KINDS.length], Math.floor(random() * 2 ** 32));
  return shoot(canvas, { x: 0, y: 0, width: 1, height: 1 }, 0, look);
}

export function massTable(scores: MassScore[]): Table {
  const percent = (rate: number) => `${(rate * 100).toFixed(3)} %`;
  return {
    title: `Mass tests on innocents (upper bounds at ${CONFIDENCE * 100} %)`,
    head: ["test", "detector", "matches", "rate at most", "matches + reviews", "rate at most", "counted by"],
    rows: scores.map((s) => [
      s.test,
      s.detector,
      `${s.matches}/${s.checked}`,
      percent(upperBound(s.matches, s.checked, CONFIDENCE)),
      `${s.matches + s.reviews}/${s.checked}`,
      percent(upperBound(s.matches + s.reviews, s.checked, CONFIDENCE)),
      s.unit,
    ]),
  };
}
