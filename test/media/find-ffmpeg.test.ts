import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UsageError } from "../../src/errors.js";
import { findFfmpeg, majorVersion } from "../../src/media/find-ffmpeg.js";
import { decoder, dir } from "./support.js";

test("finds an ffmpeg that runs and says where it came from", () => {
  expect(decoder.version).toBeTruthy();
  expect(["FFMPEG_PATH", "system", "bundled 7.0", "bundled 2018"]).toContain(decoder.source);
});

test("FFMPEG_PATH goes before everything else", async () => {
  expect(await findFfmpeg({ ffmpegPath: decoder.path })).toMatchObject({ path: decoder.path, source: "FFMPEG_PATH" });
});

test("a FFMPEG_PATH that is not ffmpeg is refused by name", async () => {
  const path = join(dir, "not-ffmpeg");
  writeFileSync(path, "#!/bin/sh\necho hello\n", { mode: 0o755 });
  await expect(findFfmpeg({ ffmpegPath: path })).rejects.toThrow(UsageError);
  await expect(findFfmpeg({ ffmpegPath: "/nowhere/ffmpeg" })).rejects.toThrow("FFMPEG_PATH: /nowhere/ffmpeg does not run");
});

test.each([
  ["7.0.2-static", 7],
  ["n7.0-7-gd38bf5e08e", 7],
  ["5.1.6-0+deb12u1", 5],
  ["N-47683-g0e8eb07980-static", undefined],
])("version %s is of major %s", (version, major) => {
  expect(majorVersion(version)).toBe(major);
});
