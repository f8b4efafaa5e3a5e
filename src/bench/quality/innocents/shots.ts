import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Frame } from "../../../model.js";
import { ffmpegPath } from "../ffmpeg.js";
import { sampleFrames } from "../sample-frames.js";
import type { Media } from "../types.js";

export interface Shot {
  fromMs: number;
  toMs: number;
}

const SHORTEST_SHOT_MS = 1500;
const TOO_ALIKE = 0.7;

/**
 * A first and a last shot of the video that are both long enough and show something else, or undefined. "Something else" is judged by the
 * correlation of coarse pictures, which is none of the measures under test.
 */
export async function twoShots(media: Media): Promise<[Shot, Shot] | undefined> {
  const cuts = [0, ...(await cutsOf(media.path)), media.durationMs];
  const shots = cuts
    .slice(1)
    .map((toMs, i) => ({ fromMs: cuts[i], toMs }))
    .filter((shot) => shot.toMs - shot.fromMs >= SHORTEST_SHOT_MS);
  if (shots.length < 2) return undefined;
  const [first, last] = [shots[0], shots[shots.length - 1]];
  const frames = await sampleFrames(media.path, 2);
  const of = (shot: Shot) => frames.filter((f) => f.atMs >= shot.fromMs && f.atMs < shot.toMs).map(coarse);
  const alike = of(first).some((a) => of(last).some((b) => correlation(a, b) > TOO_ALIKE));
  return alike ? undefined : [first, last];
}

async function cutsOf(path: string): Promise<number[]> {
  const args = ["-hide_banner", "-nostdin", "-i", path, "-an", "-vf", "select='gt(scene,0.35)',showinfo", "-f", "null", "-"];
  const { stderr } = await promisify(execFile)(await ffmpegPath(), args, { maxBuffer: 1 << 26 });
  return [...stderr.matchAll(/pts_time:([\d.]+)/g)].map((match) => Number(match[1]) * 1000);
}

function coarse({ luma, width, height }: Frame): number[] {
  const sums = new Array<number>(64).fill(0);
  const counts = new Array<number>(64).fill(0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor((y * 8) / height) * 8 + Math.floor((x * 8) / width);
      sums[cell] += luma[y * width + x];
      counts[cell]++;
    }
  }
  return sums.map((sum, i) => sum / counts[i]);
}

function correlation(a: number[], b: number[]): number {
  const mean = (v: number[]) => v.reduce((x, y) => x + y, 0) / v.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    ab += (value - ma) * (b[i] - mb);
    aa += (value - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  });
  return ab / Math.sqrt(aa * bb || 1);
}
