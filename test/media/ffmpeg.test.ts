import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type FfmpegTask, runFfmpeg } from "../../src/media/ffmpeg.js";
import { decoder, dir, ffmpegsReading, make, video } from "./support.js";

const never = new AbortController().signal;

const task = (inputPath: string, given: Partial<FfmpegTask> = {}): FfmpegTask => ({
  ...{ decoder, inputPath, inputOptions: [], outputOptions: ["-f", "rawvideo"], timeoutMs: 20_000 },
  ...given,
});

test.each([
  ["list.m3u8", `\n#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:${video("friday.mp4")}\n#EXT-X-ENDLIST\n`],
  ["list.mp4", `ffconcat version 1.0\nfile '${video("friday.mp4")}'\n`],
  ["list.mpd", `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>${video("friday.mp4")}</BaseURL></MPD>`],
])("a list of other files (%s) is not opened", async (name, text) => {
  const path = join(dir, name);
  writeFileSync(path, text);
  const run = runFfmpeg(task(path), never);
  run.stdout.resume();
  const { exitCode, stderrTail } = await run.done;
  expect(exitCode).not.toBe(0);
  expect(stderrTail).toMatch(/not on whitelist|Invalid data/i);
});

test("a name is one file, never a pattern of files", async () => {
  make("-i", video("friday.mp4"), "-frames:v", "1", "still-001.png");
  const run = runFfmpeg(task(join(dir, "still-%03d.png")), never);
  run.stdout.resume();
  const said = await run.done.then(
    ({ stderrTail }) => stderrTail,
    (error: Error) => error.message,
  );
  expect(said).toMatch(/whitelist|No such file/);
});

test("an abort before the start ends it too", async () => {
  const path = video("friday.mp4");
  const run = runFfmpeg(task(path), AbortSignal.abort(new Error("never mind")));
  await expect(run.done).rejects.toThrow("never mind");
  expect(ffmpegsReading(path)).toEqual([]);
});

test("a reader that does not read holds ffmpeg up instead of filling memory, and can stop it", async () => {
  const path = make("-f", "lavfi", "-i", "testsrc=s=1280x720:d=4", "-c:v", "libx264", "-preset", "ultrafast", "unread.mp4");
  const run = runFfmpeg(task(path), never);
  await new Promise((resolve) => run.stdout.once("readable", resolve));
  expect(run.stdout.readableLength).toBeLessThan(1_000_000);
  expect(ffmpegsReading(path)).not.toEqual([]);
  await run.stop();
  await run.stop();
  expect(ffmpegsReading(path)).toEqual([]);
});
