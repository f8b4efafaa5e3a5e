import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ATTACKS, selectAttacks } from "../../src/bench/quality/attacks.js";
import { readMedia, runFfmpeg } from "../../src/bench/quality/ffmpeg.js";
import { type AttackMaterial, makeAttack } from "../../src/bench/quality/make-attack.js";
import { sampleFrames } from "../../src/bench/quality/sample-frames.js";
import { knownAt } from "../../src/bench/quality/scorer.js";
import type { AttackedFile, Media } from "../../src/bench/quality/types.js";

const SECONDS = 2;
/** The ramp's luma tells the time: 40 at its start, 70 more for each second, in whatever range the decoder hands it out. */
let lumaAtStart: number;
let lumaPerMs: number;

let dir: string;
const media: Record<string, Media> = {};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "reupload-attacks-"));
  const make = async (name: string, source: string, ...output: string[]) => {
    const path = join(dir, name);
    await runFfmpeg(["-f", "lavfi", "-i", source, ...output, path]);
    media[name] = await readMedia(path);
  };
  const x264 = ["-c:v", "libx264", "-qp", "8", "-pix_fmt", "yuv420p"];
  await make("clip.mp4", `testsrc2=s=128x96:r=25:d=${SECONDS}`, ...x264);
  await make("second.mp4", `testsrc=s=96x128:r=25:d=${SECONDS}`, ...x264);
  await make("ramp.mp4", `color=black:s=128x96:r=25:d=${SECONDS},format=yuv420p,geq=lum='40+70*T':cb=128:cr=128`, ...x264);
  // Darker than every frame of the ramp.
  await make("dark.mp4", `color=0x050505:s=128x96:r=25:d=${SECONDS}`, ...x264);
  const ramp = await sampleFrames(media["ramp.mp4"].path, 30);
  lumaAtStart = middle(ramp[0]);
  lumaPerMs = (middle(ramp[45]) - lumaAtStart) / (ramp[45].atMs - ramp[0].atMs);
  await make("still.png", "testsrc2=s=127x96:d=1", "-frames:v", "1");
  await make("other.png", "testsrc=s=128x96:d=1", "-frames:v", "1");
}, 30_000);

afterAll(() => rm(dir, { recursive: true, force: true }));

function material(known: Media): AttackMaterial {
  const second = known.kind === "video" ? media["second.mp4"] : media["other.png"];
  return {
    cacheDir: join(dir, "cache"),
    second,
    innocentVideos: [media["dark.mp4"].path],
    innocentImages: [media["other.png"].path],
    haystackMinutes: 2,
  };
}

function attackOn(name: string, known: Media): Promise<AttackedFile> {
  const attack = ATTACKS.find((a) => a.name === name);
  if (!attack) throw new Error(`no attack is called ${name}`);
  return makeAttack(attack, known, material(known));
}

const cases = ATTACKS.flatMap((attack) => attack.appliesTo.map((kind) => [attack.name, kind] as const));

describe("every attack", () => {
  it.each(cases)("%s makes a file of the promised kind and length out of a %s", async (name, kind) => {
    const file = await attackOn(name, media[kind === "video" ? "clip.mp4" : "still.png"]);
    const made = await readMedia(file.path);
    expect(made.kind).toBe(file.kind);
    expect(Math.abs(made.durationMs - file.durationMs)).toBeLessThan(250);
    expect((await sampleFrames(file.path, 1)).length).toBeGreaterThan(0);
    expect(file.truth.length).toBeGreaterThan(0);
    for (const { fromMs, toMs } of file.truth) expect(0 <= fromMs && fromMs <= toMs && toMs <= file.durationMs + 1).toBe(true);
  });

  it("is made once and found in the cache afterwards", async () => {
    const first = await attackOn("mirror", media["clip.mp4"]);
    const { mtimeMs } = await stat(first.path);
    expect(await attackOn("mirror", media["clip.mp4"])).toEqual(first);
    expect((await stat(first.path)).mtimeMs).toBe(mtimeMs);
  });

  it("has a name of its own", () => {
    expect(new Set(ATTACKS.map((attack) => attack.name)).size).toBe(ATTACKS.length);
  });
});

describe("the truth of an attack on the time line", () => {
  const onTheTimeline = [
    ["fps-10", 60],
    ["trimmed-both-ends", 60],
    ["middle-third", 60],
    ["every-other-second-removed", 60],
    ["intro-outro-black", 60],
    ["intro-outro-innocent", 60],
    ["frames-interleaved-with-innocent", 60],
    ["speed-0.5", 60],
    ["speed-1.25", 60],
    ["speed-2", 90],
    ["reversed", 60],
    ["gif", 160],
    ["slideshow-of-stills", 550],
    ["excerpt-5s-in-10-min", 90],
    ["excerpt-5s-keyframes-every-1-s", 90],
  ] as const;

  it.each(onTheTimeline)("%s shows what it says at every moment, within %d ms", async (name, withinMs) => {
    const file = await attackOn(name, media["ramp.mp4"]);
    const frames = await sampleFrames(file.path, 30);
    const inside = frames
      .filter((f) => file.truth.some((t) => f.atMs > t.fromMs + 40 && f.atMs < t.toMs - 80))
      .filter((f) => middle(f) > 15);
    expect(inside.length).toBeGreaterThan(2);
    for (const frame of inside) {
      expect(Math.abs(shownMsOf(frame) - knownAt(file.truth, frame.atMs))).toBeLessThan(withinMs);
    }
  });

  it.each([[0.23], [0.5], [0.77]])("the screenshot at %d of the length is of that moment", async (share) => {
    const file = await attackOn(`screenshot-at-${share * 100}-percent`, media["ramp.mp4"]);
    const [frame] = await sampleFrames(file.path, 1);
    expect(Math.abs(shownMsOf(frame) - share * SECONDS * 1000)).toBeLessThan(90);
  });
});

function middle({ luma, width, height }: { luma: Uint8Array; width: number; height: number }): number {
  return luma[(height >> 1) * width + (width >> 1)];
}

function shownMsOf(frame: Parameters<typeof middle>[0]): number {
  return (middle(frame) - lumaAtStart) / lumaPerMs;
}

describe("selectAttacks", () => {
  it("takes names, groups and patterns", () => {
    expect(selectAttacks("mirror,speed-*").map((a) => a.name)).toEqual([
      "mirror",
      "speed-0.5",
      "speed-0.75",
      "speed-1.25",
      "speed-1.5",
      "speed-2",
    ]);
    expect(selectAttacks("crop-30").every((a) => a.group === "crop-30")).toBe(true);
    expect(() => selectAttacks("mirror,nonsense")).toThrow("attacks: nothing is called nonsense");
  });
});
