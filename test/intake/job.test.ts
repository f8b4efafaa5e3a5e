import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidSubmissionError } from "../../src/errors.js";
import { ALGORITHM } from "../../src/fingerprint/fingerprint-frame.js";
import { LONG_PATCH_ALGORITHM, PATCH_ALGORITHM, PATCH_BYTES } from "../../src/fingerprint/patches.js";
import { parseJob } from "../../src/intake/job.js";

const HEX = "0f".repeat(32);
const NUL = "\u0000";
const base = { version: 1, submissionId: "post-1", media: { url: "https://cdn.example/a.mp4" } };
const fingerprint = { algorithm: ALGORITHM, atMs: 0, pdq: HEX, blockhash: HEX, quality: 90 };
const hashes = { sha256: HEX, kind: "video", fingerprints: [fingerprint] };
const patchSet = {
  ...{ algorithm: PATCH_ALGORITHM, atMs: 0, untilMs: 0, width: 4096, height: 2304, places: [1, 2, 3] },
  hashes: "0f".repeat(PATCH_BYTES),
};
const withPatches = (over: object) => ({ ...base, media: { ...hashes, patchSets: [patchSet, { ...patchSet, ...over }] } });

/** An array in an array in an array ... as JSON.parse gives it, which follows deeper than JSON.stringify does. */
const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

function fieldOf(data: unknown): string {
  try {
    parseJob(data);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidSubmissionError);
    const { field, message } = error as InvalidSubmissionError;
    expect(message.startsWith(`${field}: `)).toBe(true);
    return field;
  }
  return "nothing";
}

const bad: [what: string, job: unknown, field: string][] = [
  ["nothing at all", undefined, "job"],
  ["a text", "scan this", "job"],
  ["a list", [base], "job"],
  ["no version", { ...base, version: undefined }, "version"],
  ["another version", { ...base, version: 2 }, "version"],
  ["the version as text", { ...base, version: "1" }, "version"],
  ["no id", { ...base, submissionId: undefined }, "submissionId"],
  ["an empty id", { ...base, submissionId: "" }, "submissionId"],
  ["an id of 129 characters", { ...base, submissionId: "x".repeat(129) }, "submissionId"],
  ["a number as id", { ...base, submissionId: 17 }, "submissionId"],
  ["NUL in the id", { ...base, submissionId: `a${NUL}b` }, "submissionId"],
  ["a line break in the id", { ...base, submissionId: "a\nb" }, "submissionId"],
  ["an escape character in the id", { ...base, submissionId: "\u001b[2J" }, "submissionId"],
  ["an unknown field", { ...base, priorty: 3 }, "priorty"],
  ["an unknown field of media", { ...base, media: { ...base.media, size: 3 } }, "media.size"],
  ["an unknown field of the uploader", { ...base, uploader: { name: "x" } }, "uploader.name"],
  ["no media", { ...base, media: undefined }, "media"],
  ["media without a place", { ...base, media: {} }, "media"],
  ["both url and path", { ...base, media: { url: "https://a.example/", path: "/a" } }, "media"],
  ["both path and fingerprints", { ...base, media: { path: "/a", ...hashes } }, "media"],
  ["fingerprints without sha256", { ...base, media: { ...hashes, sha256: undefined } }, "media"],
  ["fingerprints without kind", { ...base, media: { ...hashes, kind: undefined } }, "media"],
  ["no fingerprints", { ...base, media: { ...hashes, fingerprints: [] } }, "media.fingerprints"],
  ["a short hash", { ...base, media: { ...hashes, fingerprints: [{ ...fingerprint, pdq: "0f" }] } }, "media.fingerprints.0.pdq"],
  [
    "hashes of another algorithm",
    { ...base, media: { ...hashes, fingerprints: [fingerprint, { ...fingerprint, algorithm: "pdq/0" }] } },
    "media.fingerprints.1.algorithm",
  ],
  [
    "a quality of 101",
    { ...base, media: { ...hashes, fingerprints: [{ ...fingerprint, quality: 101 }] } },
    "media.fingerprints.0.quality",
  ],
  ["patches of another algorithm", withPatches({ algorithm: "brief/0" }), "media.patchSets.1.algorithm"],
  ["patches of an algorithm that every object has", withPatches({ algorithm: "constructor" }), "media.patchSets.1.algorithm"],
  ["half a patch", withPatches({ hashes: "0f" }), "media.patchSets.1.hashes"],
  ["two hashes for one place", withPatches({ hashes: "0f".repeat(2 * PATCH_BYTES) }), "media.patchSets.1"],
  ["patches shorter than their algorithm's", withPatches({ algorithm: LONG_PATCH_ALGORITHM }), "media.patchSets.1"],
  ["a time before the start", { ...base, media: { ...hashes, durationMs: -1 } }, "media.durationMs"],
  ["a script for an address", { ...base, media: { url: "javascript:alert(1)" } }, "media.url"],
  ["a file address", { ...base, media: { url: "file:///etc/passwd" } }, "media.url"],
  ["an address that is none", { ...base, media: { url: "https://" } }, "media.url"],
  ["a script for a page", { ...base, pageUrl: "javascript:alert(1)" }, "pageUrl"],
  ["a script for a profile", { ...base, uploader: { url: "data:text/html,x" } }, "uploader.url"],
  ["NUL in the path", { ...base, media: { path: `/a${NUL}.mp4` } }, "media.path"],
  ["half a character in the platform", { ...base, platform: "\ud83d" }, "platform"],
  ["a day that is none", { ...base, reportedAt: "2026-02-30T10:00:00Z" }, "reportedAt"],
  ["a time without a zone", { ...base, reportedAt: "2026-11-24T10:00:00" }, "reportedAt"],
  ["the year 0", { ...base, reportedAt: "0000-01-01T00:00:00Z" }, "reportedAt"],
  ["words for a time", { ...base, reportedAt: "yesterday" }, "reportedAt"],
  ["a priority of -1", { ...base, priority: -1 }, "priority"],
  ["half a priority", { ...base, priority: 0.5 }, "priority"],
  ["metadata that is a list", { ...base, metadata: [] }, "metadata"],
  ["NUL deep in the metadata", { ...base, metadata: { a: [{ b: `x${NUL}` }] } }, "metadata"],
  ["NUL in a name in the metadata", { ...base, metadata: { [`x${NUL}`]: 1 } }, "metadata"],
  ["half a character in the metadata", { ...base, metadata: { a: "\ud83d" } }, "metadata"],
  ["metadata nested a hundred thousand deep", { ...base, metadata: { a: nested(100_000) } }, "job"],
  ["33 million characters", { ...base, metadata: { a: "x".repeat(33 * 1024 * 1024) } }, "job"],
];

describe("a job that is wrong is refused by the name of its field:", () => {
  test.each(bad)("%s", (_, job, field) => {
    expect(fieldOf(job)).toBe(field);
  });
});

describe("a job that is right becomes a submission:", () => {
  test("the least that a job can be", () => {
    expect(parseJob(base)).toEqual({ id: "post-1", media: base.media, priority: 0, metadata: {} });
  });

  test("all that a job can say", () => {
    const rest = {
      platform: "videosite",
      pageUrl: "https://videosite.example/watch?v=1",
      uploader: { id: "profile-1", url: "https://videosite.example/@profile-1" },
      reportedAt: "2026-11-24T10:00:00+23:00",
      priority: 7,
      metadata: { note: "a literal \\u0000 is text", list: [1, null, { deep: true }], emoji: "😀" },
    };
    const { id, media, ...given } = parseJob({ ...base, submissionId: "x".repeat(128), ...rest });
    expect(id).toHaveLength(128);
    expect(media).toEqual(base.media);
    expect(given).toEqual(rest);
  });

  test("a file", () => {
    expect(parseJob({ ...base, media: { path: "/srv/media/ü 1.mp4" } }).media).toEqual({ path: "/srv/media/ü 1.mp4" });
  });

  test("hashes instead of media, each standing at least for its own moment", () => {
    const given = [fingerprint, { ...fingerprint, atMs: 500, untilMs: 100, variant: "inside borders" }];
    const { media } = parseJob({ ...base, media: { ...hashes, durationMs: 1000, fingerprints: given } });
    expect(media).toMatchObject({
      sha256: HEX,
      kind: "video",
      durationMs: 1000,
      fingerprints: [
        { variant: "full", atMs: 0, untilMs: 0 },
        { variant: "inside borders", atMs: 500, untilMs: 500 },
      ],
    });
    expect("fingerprints" in media && [...media.fingerprints[0].pdq]).toEqual(Array(32).fill(15));
  });
});

describe("whatever JSON arrives", () => {
  const parsesOrRefuses = (data: unknown) => {
    expect(fieldOf(data)).not.toBe("");
  };

  test("it is parsed or refused by name, never anything else", () => {
    fc.assert(fc.property(fc.jsonValue(), parsesOrRefuses), { numRuns: 500 });
  });

  test("so it is with something wrong in one place of a job", () => {
    const places = ["version", "submissionId", "media", "platform", "pageUrl", "uploader", "reportedAt", "priority", "metadata"];
    const spoilt = fc.tuple(fc.constantFrom(...places), fc.jsonValue()).map(([place, value]) => ({ ...base, [place]: value }));
    fc.assert(fc.property(spoilt, parsesOrRefuses), { numRuns: 1000 });
  });
});
