import type { Frame, MediaKind, Segment, VerdictKind } from "../../model.js";

/** A file of the corpus, with what the attacks need to know about its picture. Square pixels; `durationMs` is 0 for an image. */
export interface Media {
  /** The file's name. */
  name: string;
  caseId: string;
  path: string;
  kind: MediaKind;
  width: number;
  height: number;
  durationMs: number;
  framesPerSecond: number;
}

/** Known material as a detector registers it. The case is what a detection is scored by. */
export interface KnownFile {
  caseId: string;
  path: string;
  kind: MediaKind;
}

/** This span of an attacked file shows that span of a known: at `fromMs + t` it shows `knownFromMs + t * speed`. */
export interface Truth {
  caseId: string;
  fromMs: number;
  toMs: number;
  knownFromMs: number;
  /** Negative when reversed. */
  speed: number;
}

/** A file made from a known, and where the known is in it. */
export interface AttackedFile {
  attack: string;
  group: string;
  known: string;
  path: string;
  kind: MediaKind;
  durationMs: number;
  truth: Truth[];
  /** False when only the case can be scored, because nobody measured where the copy comes from. */
  located: boolean;
}

export interface InnocentFile {
  name: string;
  category: string;
  path: string;
  kind: MediaKind;
  durationMs: number;
}

/** One case that a detector names, and how sure it says it is, 0-1. */
export interface Claim {
  caseId: string;
  verdict: "match" | "review";
  confidence: number;
}

export interface DetectorResult {
  flagged: VerdictKind;
  /** The cases found at the level that `flagged` names. */
  caseIds: string[];
  segments: (Segment & { caseId: string })[];
  /** Of a detector that says how sure it is. */
  claims?: Claim[];
  /** Shown by `--explain`-like output of the bench for misses; free text. */
  note?: string;
}

/** What is measured. `register` may be called several times and adds. */
export interface Detector {
  name: string;
  register(known: KnownFile[]): Promise<{ fingerprints: number }>;
  check(path: string, kind: MediaKind): Promise<DetectorResult>;
  /** For the mass tests on innocents, which never touch a codec. A detector without them is left out there. */
  registerFrames?(caseId: string, frames: Frame[], kind: MediaKind): Promise<void>;
  checkFrames?(frames: Frame[], kind: MediaKind): Promise<DetectorResult>;
  close?(): Promise<void>;
}

export type Split = "tune" | "report" | "all";
