import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Corpus, loadCorpus } from "../../src/bench/quality/corpus.js";
import { loopable, readMedia, runFfmpeg } from "../../src/bench/quality/ffmpeg.js";
import { UsageError } from "../../src/errors.js";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "reupload-corpus-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

let colours = 0;

/** Pictures, each of a colour of its own. */
async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(dir, path, ".."), { recursive: true });
    await sharp({ create: { width: 8, height: 8, channels: 3, background: { r: colours++, g: 176, b: 192 } } })
      .png()
      .toFile(join(dir, path));
  }
}

const names = (media: { name: string }[]) => media.map((m) => m.name).sort();
const all = (corpus: Corpus) =>
  [...names(corpus.known), ...names(corpus.innocent), ...names(corpus.copies.map((c) => c.copy))].sort();

describe("loopable", () => {
  it("gives a copy of an AVI, which ffmpeg could play over and over only without end and without a picture", async () => {
    const [avi, long] = [join(dir, "a.avi"), join(dir, "long.mp4")];
    await runFfmpeg(["-f", "lavfi", "-i", "testsrc2=s=320x240:d=2:r=30", "-c:v", "libx264", avi]);
    const path = await loopable(dir, avi);
    await runFfmpeg(["-stream_loop", "-1", "-t", "5", "-i", path, "-c:v", "libx264", long]);
    expect((await readMedia(long)).durationMs).toBeCloseTo(5_000, -2);
    expect(await loopable(dir, long)).toBe(long);
  });
});

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
    await writeFile(join(dir, "innocent", "empty.jpg"), "");
    await symlink(join(dir, "nowhere"), join(dir, "known", "lost.png"));
    await symlink(join(dir, "known", "a.png"), join(dir, "known", "again.png"));
    const { skipped, ...corpus } = await loadCorpus(dir);
    expect(skipped.map((text) => text.split(": ")[0])).toEqual([
      "known/again.png",
      "known/broken.mp4",
      "innocent/empty.jpg",
      "known/lost.png",
    ]);
    expect(all({ skipped, ...corpus })).toEqual(["a.png", "b.png"]);
  });

  it("takes a file that is there twice once, as the known one", async () => {
    await put("innocent/a.png", "innocent/b.png", "known/z.png");
    await copyFile(join(dir, "innocent/a.png"), join(dir, "known/c.png"));
    await copyFile(join(dir, "known/z.png"), join(dir, "known/y.png"));
    const corpus = await loadCorpus(dir);
    expect([names(corpus.known), names(corpus.innocent)]).toEqual([["c.png", "y.png"], ["b.png"]]);
    expect(corpus.skipped.sort()).toEqual([
      "innocent/a.png: the same bytes as known/c.png",
      "known/z.png: the same bytes as known/y.png",
    ]);
  });

  it("makes two knowns of one name in two folders two cases", async () => {
    await put("known/one/clip.png", "known/two/clip.png", "innocent/b.png");
    const { known } = await loadCorpus(dir);
    expect(known.map((m) => m.caseId).sort()).toEqual(["clip.png", "known/two/clip.png"]);
  });

  it("says which file is wrong when the families are", async () => {
    await put("known/a.png", "innocent/b.png");
    await writeFile(join(dir, "families.json"), "{");
    await expect(loadCorpus(dir)).rejects.toThrow(/families\.json: /);
  });

  it("explains an empty or missing folder", async () => {
    await expect(loadCorpus(dir)).rejects.toThrow(UsageError);
    await expect(loadCorpus(join(dir, "nowhere"))).rejects.toThrow(/does not exist/);
  });
});
