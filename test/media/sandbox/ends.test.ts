import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { runFfmpeg } from "../../../src/media/ffmpeg.js";
import type { Decoder } from "../../../src/media/find-decoder.js";
import { librariesOf } from "../../../src/media/sandbox/libraries.js";
import { handFilter, killAll, spawnOptions } from "../../../src/media/sandbox/sandbox.js";
import { startProcess } from "../../support/process.js";
import { ffmpegsReading, image, make } from "../support.js";
import { decoders, LIMITS } from "./support.js";

const PATIENCE = { timeout: 30_000, interval: 50 };
const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

const long = make("-f", "lavfi", "-i", "testsrc=s=640x480:d=30", "-c:v", "libx264", "-preset", "ultrafast", "long.mp4");

/** Process ids of all that are below this one, however deep, by the parents that /proc names. */
function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has just ended.
    }
  }
  const below = (parent: number): number[] =>
    [...parents].filter(([, above]) => above === parent).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

/** A zombie that nobody has waited for yet is no process any more. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2)[0] !== "Z";
  } catch {
    return false;
  }
}

for (const { kind, decoder, missing } of await decoders()) {
  describe.skipIf(!decoder)(`in the sandbox of kind ${kind} ${missing}`, () => {
    const started = (signal: AbortSignal, timeoutMs = 60_000) => {
      const outputOptions = ["-map", "0:V:0", "-f", "rawvideo"];
      const run = runFfmpeg({ decoder: decoder as Decoder, inputPath: long, inputOptions: [], outputOptions, timeoutMs }, signal);
      run.done.catch(() => {});
      return run;
    };

    test("a reader that stops leaves nothing behind", async () => {
      const run = started(new AbortController().signal);
      await once(run.stdout, "readable");
      expect(ffmpegsReading(long)).not.toEqual([]);
      await run.stop();
      expect(ffmpegsReading(long)).toEqual([]);
    });

    test("an abort leaves nothing behind", async () => {
      const abort = new AbortController();
      const run = started(abort.signal);
      await once(run.stdout, "readable");
      abort.abort(new Error("enough"));
      await expect(run.done).rejects.toThrow("enough");
      expect(ffmpegsReading(long)).toEqual([]);
    });

    test("the end of its time leaves nothing behind", async () => {
      await expect(started(new AbortController().signal, 200).done).rejects.toThrow("took longer");
      expect(ffmpegsReading(long)).toEqual([]);
    });

    test("a crash of ffmpeg is the file's fault, and said so", async () => {
      const run = started(new AbortController().signal);
      await once(run.stdout, "readable");
      const own = descendantsOf(process.pid).filter((pid) => isFfmpeg(pid));
      expect(own).toHaveLength(1);
      // The first process of a namespace takes from outside no other signal than this; a fault of its own ends it all the same.
      process.kill(own[0], "SIGKILL");
      await expect(run.done).rejects.toThrow("the decoder crashed on this file");
      expect(ffmpegsReading(long)).toEqual([]);
    });

    test("a worker killed outright takes all of its decoders with it", async () => {
      const worker = startProcess(WORKER, [long, kind, image("teapot.jpg")]);
      expect(await worker.line()).toBe("decoding");
      const below = descendantsOf(worker.child.pid!);
      expect(below.length).toBeGreaterThanOrEqual(2);
      await worker.kill();
      await vi.waitFor(() => expect(below.filter(isAlive)).toEqual([]), PATIENCE);
      expect(ffmpegsReading(long)).toEqual([]);
    });

    // With limits alone, one that leaves its group of processes is not found again.
    test.skipIf(kind === "limits")("what it has started and let loose ends with it", async () => {
      const node = process.execPath;
      const loose = `
        const forever = ["-e", "setInterval(() => {}, 1000)"];
        try {
          require("child_process").spawn(process.execPath, forever, { detached: true, stdio: "ignore" }).on("error", () => {});
        } catch {}
        setInterval(() => process.stdout.write("."), 100);`;
      const launch = (decoder as Decoder).sandbox.launch({
        ...{ program: node, args: ["-e", loose], readable: await librariesOf([node]), limits: LIMITS },
      });
      const child = spawn(launch.command, launch.args, spawnOptions(launch, "ignore"));
      handFilter(child, launch);
      await once(child.stdout!, "data");
      const below = [child.pid!, ...descendantsOf(child.pid!)];
      killAll(child);
      await vi.waitFor(() => expect(below.filter(isAlive)).toEqual([]), PATIENCE);
    });
  });
}

function isFfmpeg(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "latin1").trim() === "ffmpeg";
  } catch {
    return false;
  }
}
