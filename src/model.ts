/**
 * The vocabulary. Every stage speaks these types; none of them does anything.
 *
 *   job -> Submission -> MediaFile -> Frame* -> Fingerprint[] -> Hit[] -> Match[] -> Verdict -> rows -> (outbox) -> queues
 */

/** 256 bits as 32 bytes, most significant bit first (the order of PDQ's hexadecimal form). */
export type Hash = Uint8Array;

/** The eight symmetries of the square, named as in Meta's `pdqhashing.h`. */
export const DIHEDRALS = ["original", "rotate90", "rotate180", "rotate270", "flipx", "flipy", "flipplus1", "flipminus1"] as const;
export type Dihedral = (typeof DIHEDRALS)[number];

export type MediaKind = "image" | "video";

/** Where the bytes are. A hash-only submission brings its fingerprints along instead. */
export type MediaSource =
  | { url: string }
  | { path: string }
  | { sha256: string; kind: MediaKind; durationMs: number; fingerprints: Fingerprint[]; patchSets: PatchSet[] };

/** Who put the media online, as the platform names them. */
export interface Uploader {
  id?: string;
  url?: string;
}

/** One piece of media that someone asks us to check, once. `id` is the intake's, and the idempotency key. */
export interface Submission {
  id: string;
  media: MediaSource;
  platform?: string;
  pageUrl?: string;
  uploader?: Uploader;
  reportedAt?: string;
  priority: number;
  metadata: Record<string, unknown>;
}

/** A readable local copy. `dispose` removes it if it was fetched, and is safe to call twice. */
export interface MediaFile {
  path: string;
  sha256: string;
  bytes: number;
  dispose(): Promise<void>;
}

/** What the container says, after rotation metadata is applied. `durationMs` is 0 for an image. */
export interface Probe {
  kind: MediaKind;
  format: string;
  codec: string;
  width: number;
  height: number;
  durationMs: number;
  framesPerSecond: number;
  /** The longest time between keyframes of its first four seconds, and from the last of them to their end. Left out where it is not known. */
  keyframeGapMs?: number;
  /** Which of the file's streams is shown, by ffmpeg's count. Left out where it is the first that is not cover art. */
  stream?: number;
}

/** A part of a video, in ms of its time line. */
export interface Stretch {
  fromMs: number;
  lastsMs: number;
}

/** A decoded picture: 8-bit luma, row-major, `width * height` bytes. */
export interface Frame {
  atMs: number;
  width: number;
  height: number;
  luma: Uint8Array;
}

/**
 * A frame's hashes. `algorithm` names the whole pipeline from decoded picture to bits; hashes of different
 * algorithms are never compared. `variant` says which part of the picture was hashed ("full" is all of it).
 * It stands for every picture from `atMs` until `untilMs`.
 */
export interface Fingerprint {
  algorithm: string;
  variant: string;
  atMs: number;
  untilMs: number;
  pdq: Hash;
  blockhash: Hash;
  /** PDQ's gradient measure, 0-100. */
  quality: number;
}

/** A fingerprint seen through one of the eight symmetries. */
export interface View {
  dihedral: Dihedral;
  pdq: Hash;
  /** Of stills only. */
  blockhash?: Hash;
}

/** A fingerprint together with all its views: what a lookup asks for. */
export interface Query extends Fingerprint {
  views: View[];
}

/**
 * Parts of one picture, strongest first, that are found again when the picture is cropped, partly covered, or shrunk into
 * another. Packed, because a long video has many: lengths are in 1/4096 of the picture's longer side.
 */
export interface PatchSet {
  algorithm: string;
  atMs: number;
  untilMs: number;
  /** By how much the picture was turned clockwise before they were taken, and its size as it is; left out when it was not. Nobody keeps such a set. */
  turned?: { degrees: number; width: number; height: number };
  /** The picture's; if it was turned, those of the upright rectangle around it. */
  width: number;
  height: number;
  /** x, y (middle) and side of each patch. */
  places: Uint16Array;
  /** 64 bits (8 bytes) of each patch, or twice as many of those that were submitted so. */
  hashes: Uint8Array;
}

/** What of a video was not read, because the rest shows nothing known: all but keyframes and six seconds, or at most two seconds before most of the keyframes. */
export type Unread = "between keyframes" | "before keyframes";

/** Everything the scan or a registration learns from the bytes of one file. */
export interface Reading {
  sha256: string;
  bytes: number;
  kind: MediaKind;
  durationMs: number;
  fingerprints: Query[];
  patchSets: PatchSet[];
  /** The reading that this, a denser one of the same video, was made for: which of them is judged by is for `judge` to say. */
  before?: Reading;
  unread?: Unread;
  /** Frames decoded, and how many of them were too flat or dark to use. */
  framesRead: number;
  framesUnusable: number;
  timingsMs: { fetch: number; decode: number; hash: number };
}

/** One query fingerprint, seen through one dihedral, near one reference fingerprint. */
export interface Hit {
  /** Position in the submission's `Fingerprint[]`. */
  query: number;
  /** The view of the submission that looks like the reference. */
  dihedral: Dihedral;
  referenceId: string;
  referenceVariant: string;
  referenceAtMs: number;
  referenceUntilMs: number;
  /** Hamming distances, of 256 bits. */
  pdqDistance: number;
  /** Only between stills: a video's frames confirm each other, so its references keep no blockhash. */
  blockhashDistance?: number;
}

/** One patch of a submission near one patch of a reference. */
export interface PatchHit {
  /** Position in the submission's `PatchSet[]`, and of the patch in that set. */
  query: number;
  patch: number;
  /** Whether it is the mirrored submission that looks like the reference. */
  mirrored: boolean;
  referenceId: string;
  referenceAtMs: number;
  referenceUntilMs: number;
  /** The reference's patch, lengths in 1/4096; `id` tells it from the reference's others. */
  known: { id: string; x: number; y: number; side: number };
  /** Hamming distance, of 64 bits. */
  distance: number;
}

/** A reference's patch, as an index or a registration holds it; lengths in 1/4096 of the picture's longer side. */
export interface KnownPatch {
  id: string;
  referenceId: string;
  atMs: number;
  untilMs: number;
  x: number;
  y: number;
  side: number;
  hash: Hash;
}

/** What an index keeps of a reference, or of the part of it that matters. Fingerprints have views where the reference has just been read. */
export interface KnownMaterial {
  fingerprints: (Fingerprint & { views?: View[] })[];
  patches: KnownPatch[];
}

/** What a lookup knows of a reference that was hit. */
export interface ReferenceSummary {
  id: string;
  caseId: string;
  label: string;
  kind: MediaKind;
  durationMs: number;
  /** Number of fingerprints by variant "full": what coverage is counted against. */
  fingerprintCount: number;
  /** The hash list it came in, and of which nothing but hashes is known. */
  list?: string;
}

export interface Segment {
  submissionFromMs: number;
  submissionToMs: number;
  referenceFromMs: number;
  referenceToMs: number;
}

export interface Transform {
  mirrored: boolean;
  /** Counterclockwise. */
  rotatedDeg: 0 | 90 | 180 | 270;
  /** Of a still: by how much more it is turned counterclockwise, about; left out when it is not. */
  tiltedDeg?: number;
  /** 1 is the original's; 2 is twice as fast; negative is reversed. */
  speed: number;
  cropped: boolean;
}

/** What a lookup found. `seenSeq` is the newest change of references (added, retired, deleted) that it could have seen. */
export interface Found {
  hits: Hit[];
  patchHits: PatchHit[];
  /** All patches of the moments that patch hits are about, by reference and moment (see `momentOf`). */
  moments: Map<string, KnownPatch[]>;
  /** All that is known of the references that deserve a closer look. */
  material?: Map<string, KnownMaterial>;
  references: Map<string, ReferenceSummary>;
  seenSeq: string;
  /** How long it took, where it was looked up before it was asked for. */
  tookMs?: number;
}

/** Hits that agree in time: these spans of the submission are those spans of the reference. */
export interface Match {
  caseId: string;
  /** Of the hashes that agreed. */
  algorithm: string;
  reference: ReferenceSummary;
  verdict: "match" | "review";
  /** 0-1: the share of those found like this that were right when it was measured. */
  confidence: number;
  transform: Transform;
  /** In order of the submission's time. */
  segments: Segment[];
  framesAgreeing: number;
  /** Of 256, between whole pictures; null when only parts of pictures agree. */
  medianDistanceBits: number | null;
  coverageOfReference: number;
  coverageOfSubmission: number;
}

export const VERDICTS = ["clear", "review", "match", "unscannable"] as const;
export type VerdictKind = (typeof VERDICTS)[number];

/** The outcome of a scan or of a look-back, with its reasons in words a caseworker can read. */
export interface Verdict {
  kind: VerdictKind;
  matches: Match[];
  reasons: string[];
  /** Of a submission without a match: the reference that came nearest, and why it is none. Not recorded. */
  nearestMiss?: string;
  /** Of a video for review: more of its pictures may make it a match. Not recorded. */
  denserMayTell?: true;
  policyVersion: string;
}

/** What was recorded for a submission; `repeated` when an earlier run had already recorded it. */
export interface Outcome {
  submissionId: string;
  verdict: VerdictKind;
  alertId?: string;
  takedownId?: string;
  caseIds: string[];
  reuploadNumber?: number;
  repeated: boolean;
}

/** A submission scanned before, with what is kept of it for look-back and takedown. */
export interface PastSubmission {
  submission: Submission;
  sha256?: string;
  kind: MediaKind;
  durationMs: number;
  fingerprints: Fingerprint[];
  /** Of a still: the hash by Meta's pipeline that lists are looked up by. */
  listed?: Fingerprint;
  patchSets: PatchSet[];
}

/** A reference about to be registered. */
export interface NewReference {
  caseId: string;
  label: string;
  /** Where it comes from: "own", or the name of the hash list. */
  provenance: string;
}

/** A registered reference; `repeated` when the case already had the same file. */
export interface Registered extends ReferenceSummary {
  repeated: boolean;
}
