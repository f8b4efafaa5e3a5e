import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type App, openApp } from "../../src/app.js";
import { readCase } from "../../src/casework/cases.js";
import { rewriteTables } from "../../src/casework/erase/finish.js";
import { listAudit } from "../../src/platform/audit.js";
import { createLog } from "../../src/platform/log.js";
import { startService } from "../../src/service.js";
import { matchOn, register, upload } from "../casework/recorded.js";
import { testConfig } from "../support/config.js";
import { readingOf } from "../support/material.js";
import { filesWith } from "./erasure-files.js";
import { PATIENCE } from "./support.js";

const MARK = "ZqRetiredMark";
const OLD_MARK = "ZqForgottenMark";

let app: App;
beforeAll(async () => {
  app = await openApp(testConfig({ LOG_LEVEL: "info" }), createLog("silent"));
});
afterAll(() => app.close());

test("the service removes by itself what has outlived its retention: cases whole, references, what was clear", async () => {
  const { pool } = app.database;
  const going = await register(pool, "C-goes", 1, MARK);
  const emptied = await register(pool, "C-stays", 2, `${MARK}-reference`);
  const staying = await register(pool, "C-stays", 3, "stays");
  const [theirs, old, young] = [readingOf(4, 4), readingOf(5, 4), readingOf(6, 4)];
  await upload(pool, [matchOn(going)], {
    id: "u-1",
    uploader: { id: MARK },
    pageUrl: `https://site.example/${MARK}`,
    reading: theirs,
  });
  await upload(pool, [], { id: "u-old", reading: old, uploader: { id: OLD_MARK }, pageUrl: `https://site.example/${OLD_MARK}` });
  await upload(pool, [], { id: "u-young", reading: young });
  await pool.query(`update "case" set retain_until = now() - interval '1 minute' where id = 'C-goes'`);
  await pool.query("update reference set retain_until = now() - interval '1 minute' where id = $1", [emptied.id]);
  await pool.query("update submission_fingerprint set expires_at = now() - interval '1 minute' where submission_id = 'u-old'");
  await pool.query("update submission set received_at = received_at - interval '366 days' where id = 'u-old'");
  const wanted = new Map([
    ["the mark", Buffer.from(MARK)],
    ["old uploader", Buffer.from(OLD_MARK)],
    ["old file's SHA-256", Buffer.from(old.sha256, "hex")],
  ]);
  for (const [seed, name] of [
    [1, "case's hash"],
    [2, "reference's hash"],
    [4, "upload's hash"],
    [5, "old upload's hash"],
  ] as const)
    wanted.set(name, Buffer.from(readingOf(seed, 4).fingerprints[0].pdq));
  const inFiles = async () => {
    await pool.query("checkpoint");
    return filesWith(join(app.config.dataDir, "postgres", "base"), wanted);
  };
  expect(new Set((await inFiles()).map((found) => found.split(" in ")[0]))).toEqual(new Set(wanted.keys()));

  const relay = await startService(app, ["relay"]);
  await vi.waitFor(async () => {
    expect(await readCase(pool, "C-goes")).toBeUndefined();
    const { rows } = await pool.query<{ id: string }>("select submission_id as id from submission_fingerprint order by 1");
    expect(rows).toEqual([{ id: "u-young" }]);
    expect((await pool.query("select uploader_id as id from submission where id = 'u-old'")).rows).toEqual([{ id: null }]);
  }, PATIENCE);
  await relay.stop();
  await rewriteTables(pool);

  expect(await inFiles()).toEqual([]);
  const kept = filesWith(
    join(app.config.dataDir, "postgres", "base"),
    new Map([3, 6].map((seed) => [`${seed}`, Buffer.from(readingOf(seed, 4).fingerprints[0].pdq)])),
  );
  expect(new Set(kept.map((found) => found.split(" in ")[0]))).toEqual(new Set(["3", "6"]));
  expect((await pool.query("select retired_at from reference where id = $1", [staying.id])).rows).toEqual([{ retired_at: null }]);
  const acts = (await listAudit(pool, { actor: "service", limit: 10 })).map(({ act }) => act).sort();
  expect(acts).toEqual(["case erased", "references erased"]);
});
