import type pg from "pg";
import { recordScan } from "../../../src/casework/record.js";
import { addReference } from "../../../src/hash-index/references.js";
import type { Match, ReferenceSummary, Submission, Verdict } from "../../../src/model.js";
import { readingOf } from "../../support/material.js";

/** Made-up and harmless. */
const settings = {
  toolVersion: "0.1.0",
  policy: { version: "2026-11" },
  retentionDays: 365,
  takedownDeadlineHours: 24,
  takedownAttempts: 5,
};
const ALGORITHM = "pdq-256/1";

export interface Seeded {
  references: ReferenceSummary[];
  /** By what they are. */
  alerts: Record<"match" | "mirrored" | "review" | "inset" | "image" | "unscannable", string>;
}

const plain = { mirrored: false, rotatedDeg: 0, speed: 1, cropped: false } as const;

const matchOn = (reference: ReferenceSummary, over: Partial<Match> = {}): Match => ({
  caseId: reference.caseId,
  algorithm: ALGORITHM,
  reference,
  verdict: "match",
  confidence: 0.998,
  transform: plain,
  segments: [{ submissionFromMs: 4_000, submissionToMs: 62_000, referenceFromMs: 2_000, referenceToMs: 60_000 }],
  framesAgreeing: 112,
  medianDistanceBits: 6,
  coverageOfReference: 0.94,
  coverageOfSubmission: 0.81,
  ...over,
});

const verdictOf = (kind: Verdict["kind"], matches: Match[], reasons = ["as the matches say"]): Verdict => ({
  kind,
  matches,
  reasons,
  policyVersion: settings.policy.version,
});

let made = 0;

/** Two cases, a few uploads of their material by three profiles on two platforms, and one file that cannot be read. */
export async function seed(pool: pg.Pool): Promise<Seeded> {
  await pool.query(`insert into "case" (id, title, class, legal_basis) values
    ('C-17', 'Reported by the helpline', 'baseline', 'Article 8, national law'), ('C-18', 'Reported by a school', 'national', '')`);
  const known = (caseId: string, label: string, seedNumber: number) =>
    addReference(
      pool,
      { caseId, label, provenance: "own" },
      { ...readingOf(seedNumber, 120, ALGORITHM), durationMs: 64_000 },
      ALGORITHM,
    );
  const references = [await known("C-17", "original.mp4", 1), await known("C-18", "playground.mp4", 2)];
  const upload = async (verdict: Verdict, over: Partial<Submission> = {}, file = 100 + made, durationMs = 72_000) => {
    const id = `intake-${++made}`;
    const submission: Submission = {
      id,
      media: { url: `https://cdn.videosite.example/${made}.mp4` },
      platform: "videosite",
      pageUrl: `https://videosite.example/watch?v=${made}`,
      uploader: { id: `profile-${1 + (made % 3)}`, url: `https://videosite.example/profile-${1 + (made % 3)}` },
      reportedAt: new Date(Date.now() - 3_600_000).toISOString(),
      priority: 0,
      metadata: {},
      ...over,
    };
    const reading = verdict.kind === "unscannable" ? undefined : { ...readingOf(file, 4, ALGORITHM), durationMs };
    return (await recordScan(pool, submission, settings, async () => ({ reading, verdict }))).alertId!;
  };
  for (let i = 0; i < 5; i++) await upload(verdictOf("match", [matchOn(references[0])]), {}, 50);
  const alerts = {
    match: await upload(verdictOf("match", [matchOn(references[0])]), {}, 51),
    mirrored: await upload(
      verdictOf("match", [
        matchOn(references[0], {
          confidence: 0.967,
          transform: { mirrored: true, rotatedDeg: 0, speed: 1.25, cropped: true },
          segments: [
            { submissionFromMs: 0, submissionToMs: 16_000, referenceFromMs: 30_000, referenceToMs: 50_000 },
            { submissionFromMs: 21_000, submissionToMs: 29_000, referenceFromMs: 4_000, referenceToMs: 14_000 },
          ],
          framesAgreeing: 41,
          medianDistanceBits: 17,
          coverageOfReference: 0.46,
          coverageOfSubmission: 0.71,
        }),
      ]),
      { platform: "imageboard" },
      52,
      34_000,
    ),
    review: await upload(
      verdictOf("review", [
        matchOn(references[1], { verdict: "review", confidence: 0.62, framesAgreeing: 3, medianDistanceBits: 27 }),
      ]),
      {},
      53,
    ),
    inset: await upload(
      verdictOf("review", [
        matchOn(references[0], { verdict: "review", confidence: 0.71, framesAgreeing: 9, medianDistanceBits: null }),
        matchOn(references[1], { verdict: "review", confidence: 0.41, framesAgreeing: 2, medianDistanceBits: 30 }),
      ]),
      { uploader: undefined },
      54,
    ),
    image: await upload(verdictOf("match", [matchOn(references[1], { confidence: 0.91 })]), { platform: "imageboard" }, 55),
    unscannable: await upload(verdictOf("unscannable", [], ["the file is cut off: its index is missing"])),
  };
  return { references, alerts };
}
