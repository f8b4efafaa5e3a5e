import { expect, test } from "vitest";
import { pairFrame } from "../../src/bench/quality/mass-innocents.js";
import { ourDetector } from "../../src/bench/quality/our-detector.js";
import { cropFrame } from "../../src/fingerprint/borders.js";

/** Drawn portraits, each with its own face, hair, light and wall; all have eyes, a mouth and an outline where faces have them. */
const KNOWN = [209, 197, 287, 389, 311, 347, 395, 47, 425, 455].map((n) => pairFrame(n, 0, []));
const OTHERS = [11, 17].map((n) => pairFrame(n, 1, []));

test("one face is not another, though its eyes and outline are where a known one has them; part of a known one is", async () => {
  for (const known of KNOWN) {
    const detector = await ourDetector();
    await detector.registerFrames!("known face", [known], "image");
    for (const other of OTHERS) expect((await detector.checkFrames!([other], "image")).flagged).not.toBe("match");
    const part = cropFrame(known, { x: 20, y: 12, width: known.width - 40, height: known.height - 30 });
    expect(await detector.checkFrames!([part], "image")).toMatchObject({ flagged: "match", caseIds: ["known face"] });
    await detector.close?.();
  }
});
