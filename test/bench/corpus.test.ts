import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Corpus, loadCorpus } from "../../src/bench/quality/corpus.js";
import { UsageError } from "../../src/errors.js";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "reupload-corpus-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(dir, path, ".."), { recursive: true });
    await sharp({ create: { width: 8, height: 8, channels: 3, background: "#a0b0c0" } })
      .png()
      .toFile(join(dir, path));
  }
}

const names = (media: { name: string }[]) => media.map((m) => m.name).sort();
const all = (corpus: Corpus) =>
  [...names(corpus.known), ...names(corpus.innocent), ...names(corpus.copies.map((c) => c.copy))].sort();

describe("loadCorpus", () => {
  it("believes known/ and innocent/", async () => {
    await put("known/a.png", "known/deep/b.png", "innocent/c.png");
    const corpus = await loadCorpus(dir);
    expect(names(corpus.known)).toEqual(["a.png", "b.png"]);
    expect(names(corpus.innocent)).toEqual(["c.png"]);
  });

  it("puts every file in exactly one half, and families never in two", async () => {
    const files = Array.from({ length: 30 }, (_, i) => `known/set${i % 10}-${i}.png`);
    await put(...files, "innocent/x.png", "innocent/y.png");
    const [tune, report, both] = [await loadCorpus(dir, "tune"), await loadCorpus(dir, "report"), await loadCorpus(dir)];
    expect([...all(tune), ...all(report)].sort()).toEqual(all(both));
    const families = (corpus: Corpus) => new Set(corpus.known.map((m) => m.name.split("-")[0]));
    for (const family of families(tune)) expect(families(report).has(family)).toBe(false);
  });

  it("says of a copy of an innocent which innocent it shows", async () => {
    await put("known/x.png", "innocent/one.png", "innocent/one-again.png", "innocent/two.png");
    const families = [{ name: "one", files: ["one", "one-again"], kind: "copies" }];
    await writeFile(join(dir, "families.json"), JSON.stringify({ families }));
    const { innocent } = await loadCorpus(dir);
    expect(innocent.map((m) => [m.name, m.caseId])).toEqual([
      ["one.png", "one.png"],
      ["one-again.png", "one.png"],
      ["two.png", "two.png"],
    ]);
  });

  it("takes one of a family of copies as the known and the others as copies of it", async () => {
    await put("pictures/one.png", "pictures/one-again.png", "pictures/two.png");
    await writeFile(
      join(dir, "families.json"),
      JSON.stringify({ families: [{ name: "one", files: ["one", "one-*"], kind: "copies", role: "known" }] }),
    );
    const corpus = await loadCorpus(dir);
    expect(names(corpus.known)).toContain("one.png");
    expect(corpus.copies.map(({ known, copy }) => [known.name, copy.name, copy.caseId])).toEqual([
      ["one.png", "one-again.png", "one.png"],
    ]);
  });

  it("skips what is no picture and says so", async () => {
    await put("known/a.png", "innocent/b.png");
    await writeFile(join(dir, "known", "broken.mp4"), "no video");
    expect((await loadCorpus(dir)).skipped.join()).toContain("broken.mp4");
  });

  it("explains an empty or missing folder", async () => {
    await expect(loadCorpus(dir)).rejects.toThrow(UsageError);
    await expect(loadCorpus(join(dir, "nowhere"))).rejects.toThrow(/does not exist/);
  });
});
