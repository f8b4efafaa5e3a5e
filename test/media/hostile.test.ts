import { createHash } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allBadMedia } from "../../scripts/drill/support/bad-media-all.js";
import { complaintsAbout, judgeMedia, leftIn } from "../../scripts/drill/support/bad-media-judge.js";
import { clip, type Kitchen, openKitchen, PHOTO } from "../../scripts/drill/support/bad-media-kitchen.js";
import { type MediaServer, startMediaServer } from "../../scripts/drill/support/bad-media-server.js";
import { descendantsOf } from "../../scripts/drill/support/processes.js";
import { type App, openApp } from "../../src/app.js";
import { findFfmpeg } from "../../src/media/find-ffmpeg.js";
import { createLog } from "../../src/platform/log.js";
import { register } from "../../src/register.js";
import { testConfig } from "../support/config.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { temporaryDir } from "../support/temporary-dir.js";

const SEED = 1;
const all = allBadMedia(SEED);

/** The quick ones of each group; `npm run drill:media` reads them all. */
const NAMES = [
  ...["whole avif, moving", "mkv after 3 tenths", "mp4 after 9 tenths", "tiff after 6 tenths"],
  ...["mp4 with bits flipped, 3", "mkv with bits flipped, 7", "jpeg with bits flipped, 2"],
  ...["zip named mp4", "svgz", "png that says 60000x60000", "jpeg that says 60000x60000", "avif that says 60000x60000"],
  ...["gif of 100,000 pictures of 11 minutes each", "mp4 with 2^31 sample sizes", "mp4, 20,000 boxes deep"],
  ...["mp4 of a billion pictures a second", "mp4 that is encrypted (cenc)", "mkv that lasts a year"],
  ...["mkv whose pictures are hours apart", "mkv whose language forges a line about another picture"],
  ...["m3u8 to an address", "concat with options to an address", "dash mpd to a file", "svg to an address", "sdp to an address"],
  ...["an empty file", "only the first bytes of a png", "pdf", "wav", "jpeg and zip", "png whose text is a drawing"],
  ...["a name of a protocol", "jpeg of EXIF orientation 7", "jpeg in CMYK", "png of 1x1", "turned by 90 degrees"],
  ...["two videos, the known one second and shown", "a named pipe", "a link to /etc/passwd", "a folder"],
];
const inputs = NAMES.map((name) => all.find((input) => input.name === name) ?? name);

let database: TestDatabase;
let app: App;
let server: MediaServer;
let kitchen: Kitchen;
const never = new AbortController().signal;

beforeAll(async () => {
  database = await testDatabase();
  const folder = join(temporaryDir().path, "inputs");
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const config = testConfig({ DATABASE_URL: database.connectionString, SCAN_TIMEOUT_MS: "60000" });
  config.mediaRoots = [folder];
  app = await openApp(config, createLog("error"));
  server = await startMediaServer();
  const { path } = await findFfmpeg(config);
  kitchen = openKitchen(path, { folder, trapUrl: server.trapUrl, seed: SEED }, never);
  for (const known of [await clip(kitchen), PHOTO])
    await register(app.registerSteps, { path: known }, { caseId: "C-1", label: "known", provenance: "own" }, never);
});

afterAll(async () => {
  await server?.close();
  await app?.close();
  await database?.close();
});

describe("bad, odd and hostile files get the right verdict", () => {
  test.each(inputs.map((input) => (typeof input === "string" ? [input, undefined] : [input.name, input])))(
    "%s",
    async (_, input) => {
      const path = await input!.make(kitchen);
      const judgement = await judgeMedia(app, { path }, never);
      expect(complaintsAbout(input!, judgement, [kitchen.folder, new URL(server.trapUrl).host])).toEqual([]);
      const running = await descendantsOf(process.pid);
      expect(running.filter(({ command }) => command.includes(path))).toEqual([]);
    },
  );

  test("nobody was asked for what the lists name, and nothing is left", async () => {
    expect(server.trapped).toEqual([]);
    expect(await leftIn(app.config.mediaTmpDir)).toEqual([]);
  });
});

test("there are at least 300 of them, the same each time", () => {
  const digest = (seed: number) =>
    createHash("sha256")
      .update(
        allBadMedia(seed)
          .map(({ name }) => name)
          .join(),
      )
      .digest("hex");
  expect(new Set(all.map(({ name }) => name)).size).toBeGreaterThanOrEqual(300);
  expect(digest(SEED)).toBe(digest(SEED));
});
