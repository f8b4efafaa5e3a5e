import { afterAll, expect, test } from "vitest";
import { runQualityBench } from "../../src/bench/quality/main.js";
import type { Detector } from "../../src/bench/quality/types.js";
import { temporaryDir } from "../support/temporary-dir.js";

const cache = temporaryDir();
afterAll(() => cache.remove());

/** Writes down what it is shown, and recognises nothing. */
function watcher(seen: string[]): Detector {
  return {
    name: "watcher",
    register: async (known) => {
      if (known.length > 0) seen.push("known");
      return { fingerprints: 0 };
    },
    registerFrames: async (caseId, frames, kind) => void seen.push(`${caseId}: ${frames.length} pictures of a ${kind}`),
    check: async () => {
      seen.push("check");
      return { flagged: "clear", caseIds: [], segments: [] };
    },
  };
}

test("recall can be measured beside other film that is known, each minute of it a case of its own", async () => {
  const seen: string[] = [];
  const asked = { attacks: "mirror", limit: 1, innocents: "none", detectors: "watcher", cache: cache.path } as const;
  const { heading } = await runQualityBench({ ...asked, besideHours: 2 / 60 }, [() => watcher(seen)]);
  const [film, known, check] = ["other film, minute 0: 60 pictures of a video", "known", "check"].map((what) =>
    seen.indexOf(what),
  );
  expect(seen[film + 1]).toBe("other film, minute 1: 60 pictures of a video");
  expect(seen.filter((what) => what.startsWith("other film"))).toHaveLength(2);
  expect(film).toBeLessThan(known);
  expect(known).toBeLessThan(check);
  expect(heading).toMatch(/beside 0\.0\d+ h of other known film$/);
});
