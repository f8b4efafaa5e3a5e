import { type Config, loadConfig } from "../../config.js";
import { UnscannableError } from "../../errors.js";
import { hitsAgainst } from "../../fingerprint/hits-against.js";
import { keptPatchSets } from "../../fingerprint/kept.js";
import { byMoment, knownPatches, searchPatches } from "../../fingerprint/patch-hits.js";
import { PATCH_BYTES } from "../../fingerprint/patches.js";
import { findDecoder } from "../../media/find-decoder.js";
import { readFrames } from "../../media/frames.js";
import { listGroups } from "../../media/groups.js";
import { probeMedia } from "../../media/probe.js";
import type { Found, Frame, KnownMaterial, KnownPatch, MediaKind, Query, Reading, ReferenceSummary } from "../../model.js";
import { readFingerprints } from "../../read-fingerprints.js";
import { judge, lookingOnce } from "../../scan.js";
import { type Region, worthACloserLook } from "../../verdict/decide.js";
import { POLICY } from "../../verdict/policy.js";
import type { Detector, DetectorResult, KnownFile } from "./types.js";

interface Registered {
  summary: ReferenceSummary;
  fingerprints: Query[];
  patches: KnownPatch[];
}

const LIMITS = { maxPixels: 100_000_000, maxDurationMs: 24 * 3_600_000, timeoutMs: 600_000 };

/** The same in every run, and never where the excerpts of the suite are, so that the stretch finds none by luck. */
const AWAY_FROM_THE_MIDDLE = () => 0.95;

/**
 * The product's own reading and verdict. References are held in memory and compared with one by one, which gives the
 * hits that the product's exact lookup gives (a test holds the two together), without a database.
 */
export const ourDetector = (): Promise<Detector> => create("reupload", "close");

/** The same, as workers do with `SCAN_KEYFRAMES_FIRST=far`. */
export const ourKeyframesFar = (): Promise<Detector> => create("reupload-keyframes-far", "far");

/** The same, as workers do with `SCAN_KEYFRAMES_FIRST=never`. */
export const ourKeyframesNever = (): Promise<Detector> => create("reupload-keyframes-never", "never");

async function create(name: string, apart: Config["scanKeyframesFirst"]): Promise<Detector> {
  const decoder = await findDecoder(loadConfig());
  const references: Registered[] = [];
  const looking = lookingOnce((reading) => lookup(reading, references), POLICY);
  const never = new AbortController().signal;
  const readFile = (path: string, thrifty: boolean) =>
    readFingerprints(
      {
        fetch: async () => ({ path, sha256: "", bytes: 0, dispose: async () => {} }),
        probe: (file) => probeMedia(file, decoder, LIMITS, never),
        frames: (file, probe, sampling) => readFrames(file, probe, decoder, { ...LIMITS, sampling }, never),
        groups: ({ path }, probe) => listGroups(path, probe, decoder, LIMITS.timeoutMs, never),
        isWorthDenser: looking.isWorthDenser,
        ...(apart !== "never" && {
          keyframesFirst: { apart, look: looking.look, anywhere: AWAY_FROM_THE_MIDDLE },
        }),
      },
      { path },
      { thrifty },
    );
  const readGiven = (frames: Frame[], kind: MediaKind, thrifty: boolean) => {
    const probe = {
      kind,
      format: "",
      codec: "",
      width: frames[0].width,
      height: frames[0].height,
      durationMs: frames[frames.length - 1].atMs,
      framesPerSecond: 1,
    };
    const file = { path: "", sha256: "", bytes: 0, dispose: async () => {} };
    return readFingerprints(
      { fetch: async () => file, probe: async () => probe, frames: () => asyncFrames(frames) },
      { path: "" },
      { thrifty },
    );
  };
  const add = (caseId: string, reading: Reading): number => {
    const id = String(references.length);
    const { fingerprints } = reading;
    const patches = knownPatches(id, keptPatchSets(reading.patchSets, reading.kind));
    const summary = {
      id,
      caseId,
      label: caseId,
      kind: reading.kind,
      durationMs: reading.durationMs,
      fingerprintCount: fingerprints.length,
    };
    references.push({ summary, fingerprints, patches });
    // As stored: PDQ of a video frame, PDQ and blockhash of a still, and each patch.
    return fingerprints.length * (reading.kind === "video" ? 32 : 64) + patches.length * PATCH_BYTES;
  };
  return {
    name,
    register: async (known: KnownFile[]) => {
      let bytes = 0;
      for (const { caseId, path } of known) bytes += add(caseId, await readFile(path, false));
      return { fingerprints: bytes / 64 };
    },
    check: async (path) => verdictOn(() => readFile(path, true), looking),
    registerFrames: async (caseId, frames, kind) => void add(caseId, await readGiven(frames, kind, false)),
    checkFrames: async (frames, kind) => verdictOn(() => readGiven(frames, kind, true), looking),
  };
}

async function* asyncFrames(frames: Frame[]): AsyncGenerator<Frame> {
  yield* frames;
}

async function verdictOn(read: () => Promise<Reading>, { lookup }: ReturnType<typeof lookingOnce>): Promise<DetectorResult> {
  let reading: Reading;
  try {
    reading = await read();
  } catch (error) {
    if (!(error instanceof UnscannableError)) throw error;
    return { flagged: "unscannable", caseIds: [], segments: [], note: error.reason };
  }
  const { verdict } = await judge({ lookup, policy: POLICY }, reading);
  const matches = verdict.matches.filter((m) => m.verdict === verdict.kind);
  return {
    flagged: verdict.kind,
    caseIds: [...new Set(matches.map((m) => m.caseId))],
    claims: verdict.matches.map(({ caseId, verdict: claimed, confidence }) => ({ caseId, verdict: claimed, confidence })),
    segments: matches.flatMap((m) => m.segments.map((segment) => ({ ...segment, caseId: m.caseId }))),
    note:
      verdict.matches
        .slice(0, 3)
        .map(
          (m) =>
            `${m.caseId} ${m.verdict} conf ${m.confidence} frames ${m.framesAgreeing} cov ${m.coverageOfReference}/${m.coverageOfSubmission}`,
        )
        .join("; ") || undefined,
  };
}

async function lookup(reading: Reading, references: Registered[]): Promise<Found> {
  const hits = references.flatMap((r) => hitsFromReadingSide(reading, r));
  const patches = references.flatMap((r) => r.patches);
  const patchHits = await searchPatches(reading.patchSets, async () => patches);
  const summaries = new Map(references.map((r) => [r.summary.id, r.summary]));
  const found = { hits, patchHits, moments: byMoment(patches), references: summaries, seenSeq: "" };
  const regions = worthACloserLook(reading, { ...found, material: new Map() }, POLICY);
  const material = regions.map(
    (region) => [region.referenceId, materialOf(references[Number(region.referenceId)], region)] as const,
  );
  return { ...found, material: new Map(material) };
}

/** As an index gives it: without views. */
function materialOf({ fingerprints, patches }: Registered, { fromMs, toMs }: Region): KnownMaterial {
  const inside = ({ atMs, untilMs }: { atMs: number; untilMs: number }) => untilMs >= fromMs && atMs <= toMs;
  return {
    fingerprints: fingerprints.filter(inside).map(({ views: _, ...fingerprint }) => fingerprint),
    patches: patches.filter(inside),
  };
}

/** As a lookup does: every view of the submission against the reference's fingerprints. */
function hitsFromReadingSide(reading: Reading, { summary, fingerprints }: Registered) {
  const asKnown = fingerprints.map((f) => ({
    ...f,
    views: [{ dihedral: "original" as const, pdq: f.pdq, blockhash: f.views[0].blockhash && f.blockhash }],
  }));
  return reading.fingerprints.flatMap((query, index) =>
    query.views.flatMap((view) =>
      hitsAgainst(
        [{ ...query, pdq: view.pdq, blockhash: view.blockhash ?? query.blockhash }],
        summary.id,
        asKnown,
        POLICY.withinBits,
      ).map((hit) => ({
        ...hit,
        query: index,
        dihedral: view.dihedral,
      })),
    ),
  );
}
