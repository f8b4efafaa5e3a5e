import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sameRooms } from "../../src/bench/quality/innocents/room.js";
import { ourDetector } from "../../src/bench/quality/our-detector.js";

let cacheDir: string;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), "reupload-rooms-"));
});
afterAll(() => rm(cacheDir, { recursive: true, force: true }));

test("somebody else in a room is an innocent that resembles the known film, and each room another", async () => {
  const rooms = await sameRooms(cacheDir);
  expect(await sameRooms(cacheDir)).toEqual(rooms);
  const detector = await ourDetector();
  await detector.register(rooms.map(({ known }) => known));
  for (const { known, innocent } of rooms) {
    expect(await detector.check(known.path, "video")).toMatchObject({ flagged: "match", caseIds: [known.caseId] });
    expect(await detector.check(innocent.path, "video")).toMatchObject({ flagged: "review", caseIds: [known.caseId] });
  }
  await detector.close?.();
});
