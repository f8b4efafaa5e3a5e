import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { wrongArrows } from "./arrows.js";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

it("all imports in src go one way", async () => {
  const paths = (await readdir(SRC, { recursive: true })).filter((path) => path.endsWith(".ts"));
  const sources = await Promise.all(paths.map(async (path) => [path, await readFile(join(SRC, path), "utf8")] as const));
  expect(wrongArrows(Object.fromEntries(sources))).toEqual([]);
});

describe("a wrong arrow is named in a sentence", () => {
  it.each([
    [
      "media/frames.ts",
      'import { lookup } from "../hash-index/lookup.js";',
      "src/media/frames.ts imports src/hash-index/lookup.ts: media may import only model, errors, webassembly, fingerprint, verdict, platform, config",
    ],
    [
      "verdict/align.ts",
      'import type { Config } from "../config.js";',
      "src/verdict/align.ts imports src/config.ts: verdict may import only model, errors, fingerprint",
    ],
    [
      "fingerprint/pdq.ts",
      'export * from "../verdict/decide.js";',
      "src/fingerprint/pdq.ts imports src/verdict/decide.ts: fingerprint may import only model, errors, webassembly",
    ],
    ["model.ts", 'import "./errors.js";', "src/model.ts imports src/errors.ts: model imports nothing"],
    [
      "scan.ts",
      'import {\n  record,\n} from "./casework/record.js";',
      "src/scan.ts imports src/casework/record.ts: scan may import only model, errors, webassembly, fingerprint, verdict, read-fingerprints",
    ],
    [
      "platform/health.ts",
      'const web = await import("../web/server.js");',
      "src/platform/health.ts imports src/web/server.ts: platform may import only model, errors, webassembly, fingerprint, verdict, config",
    ],
    [
      "cli/start.ts",
      'import { main } from "../main.js";',
      "src/cli/start.ts imports src/main.ts: cli may import only model, errors, webassembly, fingerprint, verdict, scan, register, read-fingerprints, read-first, hash-frames, platform, config, intake, media, hash-index, casework, delivery, people, exchange, app, web, service, bench",
    ],
    [
      "web/server.ts",
      'import type { App } from "../app.js";',
      "src/web/server.ts imports src/app.ts: web may import only model, errors, webassembly, fingerprint, verdict, scan, register, read-fingerprints, read-first, hash-frames, platform, config, intake, media, hash-index, casework, delivery, people, exchange",
    ],
    [
      "register.ts",
      'import { readFile } from "node:fs/promises";',
      "src/register.ts imports node:fs/promises: register is pure, and of packages may import only blockhash-core",
    ],
    [
      "fingerprint/hash.ts",
      'import sharp from "sharp";',
      "src/fingerprint/hash.ts imports sharp: fingerprint is pure, and of packages may import only blockhash-core",
    ],
    [
      "verdict/decide.ts",
      "const now = Date.now();",
      "src/verdict/decide.ts uses Date.now: verdict is pure, so it must be handed in",
    ],
    ["scan.ts", "const at = new Date();", "src/scan.ts uses new Date(): scan is pure, so it must be handed in"],
    ["utils/text.ts", "", "src/utils/text.ts has no place in the order of imports: give utils one in test/arrows.ts"],
  ])("%s: %s", (path, source, sentence) => {
    expect(wrongArrows({ [path]: source })).toEqual([sentence]);
  });
});

describe("what is allowed stays silent", () => {
  it.each([
    ["fingerprint/pdq.ts", 'import { bmvbhash } from "blockhash-core";\nimport type { Hash } from "../model.js";'],
    ["fingerprint/pdq.ts", 'import { dihedral } from "./dihedral.js";\nconst day = new Date(0);'],
    ["verdict/align.ts", '// import x from "../web/server.js" and Date.now()\n/* process.env */'],
    [
      "casework/record.ts",
      'export const sql = `select id from "../web/server.js"`;\nimport { pool } from "../platform/database.js";',
    ],
    ["hash-index/lookup.ts", 'const home = "https://example.org";\nimport type { Hit } from "../model.js";'],
    ["main.ts", 'import { run } from "./cli/program.js";\nimport { startWeb } from "./web/server.js";'],
  ])("%s: %s", (path, source) => {
    expect(wrongArrows({ [path]: source })).toEqual([]);
  });
});
