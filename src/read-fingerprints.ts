import { viewsFromHashes } from "./fingerprint/approximate-views.js";
import { cropFrame, insideBorders } from "./fingerprint/borders.js";
import { fingerprintFrame } from "./fingerprint/fingerprint-frame.js";
import { PATCH_ALGORITHM, patchesOf } from "./fingerprint/patches.js";
import { createThinner } from "./fingerprint/thin.js";
import type { Fingerprint, Frame, MediaFile, MediaSource, PatchSet, Probe, Query, Reading, View } from "./model.js";

/** The I/O of a reading. */
export interface ReadSteps {
  fetch(media: { url: string } | { path: string }): Promise<MediaFile>;
  probe(file: MediaFile): Promise<Probe>;
  frames(file: MediaFile, probe: Probe, sampling: typeof SAMPLING): AsyncIterable<Frame>;
}

/** Pictures taken of a video. */
export const SAMPLING = { mode: "every", framesPerSecond: 2 } as const;

/** A picture has more patches than an index keeps, so that those it keeps are among them. */
const PATCHES_PER_PICTURE = 48;
const PATCHES_PER_IMAGE = 96;

/** Patches are taken half as often as fingerprints: finding them costs ten times as much. */
const PATCH_STEP_MS = 900;

/** A fingerprint whose views and patches are computed only if thinning keeps it. */
type Pending = Fingerprint & { viewsOf(): View[]; frame: Frame };

/**
 * Media to fingerprints: what a scan and a registration share. The file is gone again when this returns or throws, and
 * memory does not grow with its length beyond the fingerprints themselves.
 *
 * @throws UnscannableError when it cannot be decoded; TransientError when it may be fetched later.
 */
export async function readFingerprints(steps: ReadSteps, media: MediaSource): Promise<Reading> {
  if ("fingerprints" in media) return given(media);
  const startedAtMs = performance.now();
  const file = await steps.fetch(media);
  try {
    const fetchedAtMs = performance.now();
    const probe = await steps.probe(file);
    const read = await readFrames(
      steps.frames(file, probe, SAMPLING),
      probe.kind === "image" ? PATCHES_PER_IMAGE : PATCHES_PER_PICTURE,
    );
    const elapsedMs = performance.now() - fetchedAtMs;
    return {
      sha256: file.sha256,
      bytes: file.bytes,
      kind: probe.kind,
      durationMs: probe.kind === "image" ? 0 : Math.max(probe.durationMs, read.lastAtMs),
      fingerprints: read.fingerprints,
      patchSets: read.patchSets,
      framesRead: read.framesRead,
      framesUnusable: read.framesUnusable,
      timingsMs: { fetch: fetchedAtMs - startedAtMs, decode: elapsedMs - read.hashMs, hash: read.hashMs },
    };
  } finally {
    await file.dispose();
  }
}

async function readFrames(frames: AsyncIterable<Frame>, patchCount: number) {
  const thinner = createThinner<Pending>();
  const fingerprints: Query[] = [];
  const patchSets: PatchSet[] = [];
  const read = { fingerprints, patchSets, framesRead: 0, framesUnusable: 0, lastAtMs: 0, hashMs: 0 };
  const keep = ({ viewsOf, frame, ...fingerprint }: Pending) => {
    fingerprints.push({ ...fingerprint, views: viewsOf() });
    const apartMs = fingerprint.untilMs - (patchSets.at(-1)?.untilMs ?? Number.NEGATIVE_INFINITY);
    if (fingerprint.variant === "full" && apartMs >= PATCH_STEP_MS) patchSets.push(patchSetOf(frame, fingerprint, patchCount));
  };
  for await (const frame of frames) {
    const fromMs = performance.now();
    const usable = fingerprintsOf(frame);
    for (const fingerprint of usable) thinner.push(fingerprint).forEach(keep);
    read.framesRead++;
    if (usable.length === 0) read.framesUnusable++;
    read.lastAtMs = frame.atMs;
    read.hashMs += performance.now() - fromMs;
  }
  thinner.flush().forEach(keep);
  fingerprints.sort((a, b) => a.atMs - b.atMs);
  return read;
}

function patchSetOf(frame: Frame, { atMs, untilMs }: Fingerprint, count: number): PatchSet {
  const width = frame.width / Math.max(frame.width, frame.height);
  return { algorithm: PATCH_ALGORITHM, atMs, untilMs, width, patches: patchesOf(frame, count) };
}

/** The frame as it is and, where it has borders, the picture inside them; each only if it has enough detail. */
function fingerprintsOf(frame: Frame): Pending[] {
  const inside = insideBorders(frame);
  const parts = [fingerprintFrame(frame), ...(inside ? [fingerprintFrame(cropFrame(frame, inside), "inside borders")] : [])];
  return parts.filter((part) => part.usable).map(({ fingerprint, views }) => ({ ...fingerprint, viewsOf: views, frame }));
}

/** Hashes that were made elsewhere. Their mirrored and turned views can only be estimated. */
function given(media: Extract<MediaSource, { fingerprints: unknown }>): Reading {
  return {
    sha256: media.sha256,
    bytes: 0,
    kind: media.kind,
    durationMs: media.durationMs,
    fingerprints: media.fingerprints.map((f) => ({ ...f, views: viewsFromHashes(f.pdq, f.blockhash) })),
    patchSets: media.patchSets,
    framesRead: media.fingerprints.length,
    framesUnusable: 0,
    timingsMs: { fetch: 0, decode: 0, hash: 0 },
  };
}
