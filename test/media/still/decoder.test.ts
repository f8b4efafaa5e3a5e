import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, describe, expect, test, vi } from "vitest";
import { TransientError, UnscannableError } from "../../../src/errors.js";
import type { Decoder } from "../../../src/media/find-decoder.js";
import { openImage } from "../../../src/media/still/decoder.js";
import { readStillImage } from "../../../src/media/still/image.js";
import { endStillProcesses } from "../../../src/media/still/pool.js";
import { decoders } from "../sandbox/support.js";
import { decoder, dir, image } from "../support.js";

const never = new AbortController().signal;
const LIMITS = { maxPixels: 50_000_000, timeoutMs: 30_000 };
const PATIENCE = { timeout: 30_000, interval: 20 };
const teapot = image("teapot.jpg");

afterEach(() => endStillProcesses());

/** Process ids of image decoders of this process: Node itself, and not the sandbox around it. */
function imageDecoders(): number[] {
  const ours = new Set([process.pid]);
  const stats = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return state === "Z" ? [] : [{ pid, parent: Number(parent), command }];
      } catch {
        return [];
      }
    });
  for (const { pid, parent } of stats) if (ours.has(parent)) ours.add(pid);
  return stats
    .filter(
      ({ pid, command }) =>
        ours.has(pid) && command[0] === process.execPath && command.some((word) => word.endsWith("still/child.mjs")),
    )
    .map(({ pid }) => pid);
}

const open = (path = teapot, given: Decoder = decoder, limits = LIMITS, signal = never) => openImage(path, given, limits, signal);

for (const { kind, decoder: given, missing } of await decoders()) {
  test.skipIf(!given)(`images are decoded in the sandbox of kind ${kind} ${missing}`, async () => {
    const { luma, width, height } = await readStillImage(teapot, given!, LIMITS, never);
    expect([width, height, luma.length]).toEqual([256, 238, 256 * 238]);
  });
}

describe("the image decoder", () => {
  test("takes one file after another, each seen as it is", async () => {
    const first = await open();
    await first.close();
    const [before] = imageDecoders();
    const second = await open(image("chelsea.png"));
    expect(imageDecoders()).toEqual([before]);
    expect([first.metadata.format, second.metadata.format]).toEqual(["jpeg", "png"]);
    expect(first.metadata).toMatchObject({ width: 400, height: 372 });
    await second.close();
  });

  test("works on several files at a time in as many processes", async () => {
    const images = await Promise.all([open(), open(), open()]);
    expect(new Set(imageDecoders()).size).toBe(3);
    await Promise.all(images.map((opened) => opened.close()));
  });

  test("that crashes makes the file unscannable, and the next one gets another", async () => {
    const opened = await open();
    const [pid] = imageDecoders();
    process.kill(pid, "SIGKILL");
    const error = await opened.pictures([{ width: 64, height: 64 }]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UnscannableError);
    expect((error as UnscannableError).reason).toBe("the decoder crashed on this file");
    await opened.close();
    expect((await readStillImage(teapot, decoder, LIMITS, never)).luma.length).toBeGreaterThan(0);
    expect(imageDecoders()).not.toContain(pid);
  });

  test("that hangs is ended after its time, and nothing is left of it", async () => {
    const opened = await open(teapot, decoder, { ...LIMITS, timeoutMs: 2_000 });
    process.kill(imageDecoders()[0], "SIGSTOP");
    await expect(opened.pictures([{ width: 64, height: 64 }])).rejects.toThrow("the image took too long to decode");
    await opened.close();
    expect(imageDecoders()).toEqual([]);
  });

  test("ends on an abort, with its reason", async () => {
    const abort = new AbortController();
    const opened = await open(teapot, decoder, LIMITS, abort.signal);
    abort.abort(new Error("enough"));
    await expect(opened.pictures([{ width: 64, height: 64 }])).rejects.toThrow("enough");
    await opened.close();
    expect(imageDecoders()).toEqual([]);
  });

  test("is replaced after a damaged file", async () => {
    const path = join(dir, "cut-still.png");
    writeFileSync(path, readFileSync(image("chelsea.png")).subarray(0, 100_000));
    await expect(readStillImage(path, decoder, LIMITS, never)).rejects.toThrow("the image is damaged and cannot be decoded");
    await vi.waitFor(() => expect(imageDecoders()).toEqual([]), PATIENCE);
  });

  test("cannot fill more memory than its limit", async () => {
    const path = join(dir, "interlaced.png");
    const create = { width: 9_000, height: 5_000, channels: 3 as const, background: "#336699" };
    // Has to be held whole before its first row is known: 135 MB, and more to work on it.
    await sharp({ create }).png({ progressive: true, compressionLevel: 1 }).toFile(path);
    const narrow = { ...decoder, maxMemoryBytes: 250 * 1024 ** 2 };
    const error = await readStillImage(path, narrow, LIMITS, never).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UnscannableError);
    expect((await readStillImage(path, decoder, LIMITS, never)).width).toBe(256);
  });

  test("opens no other formats than those of photographs, whatever libvips could", async () => {
    const ppm = join(dir, "a.ppm");
    writeFileSync(ppm, Buffer.concat([Buffer.from("P6\n16 16\n255\n"), Buffer.alloc(16 * 16 * 3, 99)]));
    const svg = join(dir, "a.svg");
    writeFileSync(svg, '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>');
    expect((await sharp(svg).metadata()).format).toBe("svg");
    for (const path of [ppm, svg]) await expect(open(path)).rejects.toThrow("the image is damaged and cannot be decoded");
  });

  test("that cannot be started says nothing about the file", async () => {
    const sandbox = { ...decoder.sandbox, launch: () => ({ command: "/nowhere/bwrap", args: [] }) };
    await expect(open(teapot, { ...decoder, sandbox, maxMemoryBytes: 1 })).rejects.toThrow(TransientError);
  });
});
