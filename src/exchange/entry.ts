import { distance, hashFromHex } from "../fingerprint/hash.js";
import type { Hash } from "../model.js";

/** One frame of a video's hash; `quality` is PDQ's, 0-100. */
export interface SignalFrame {
  hash: Hash;
  quality: number;
  atMs: number;
}

/** What a list says of one piece of media: the PDQ of a still, or the vPDQ of a video (PDQ of its frames). */
export type Signal = { type: "pdq"; frames: [SignalFrame] } | { type: "vpdq"; frames: SignalFrame[] };

/** One entry of a list, as every format gives it. */
export interface ListEntry {
  /** Where it stands, for people: "line 12". */
  place: string;
  /** The list's own id of it; of a list without ids, made from the hash. */
  entry: string;
  /** Undefined says that the list has withdrawn it. */
  signal?: Signal;
  label?: string;
  caseId?: string;
}

/** A part of a list that cannot be used: which field is wrong, and what to do. */
export interface BadEntry {
  place: string;
  field: string;
  problem: string;
  /** It is in order, but has no hash that we could look for. */
  unsupported?: boolean;
}

export type Parsed = ListEntry | BadEntry;

export const isBad = (parsed: Parsed): parsed is BadEntry => "problem" in parsed;

/** Longer ids could not be indexed by the database. */
const LONGEST_ENTRY = 256;

/** An hour of video at a frame a second has 3,600; this is a day at one. */
const MOST_FRAMES = 86_400;

/** Fewer bits set, or unset, have no picture behind them: PDQ sets every bit above the median, half of them. */
const LEAST_BITS = 32;
const ZERO = new Uint8Array(32);

/** Meta discards less ("The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019). */
const LEAST_QUALITY = 50;

/** Something to complain about: a field and what to do about it. */
export class FieldError extends Error {
  readonly field: string;
  readonly unsupported: boolean;
  constructor(field: string, problem: string, kind: { unsupported?: boolean } = {}) {
    super(problem);
    this.field = field;
    this.unsupported = kind.unsupported ?? false;
  }
}

/** Runs `parse`, and gives what it complained of in place of an entry. */
export function entryOr(place: string, parse: () => ListEntry): Parsed {
  try {
    return parse();
  } catch (error) {
    if (error instanceof FieldError)
      return { place, field: error.field, problem: error.message, ...(error.unsupported && { unsupported: true }) };
    throw error;
  }
}

/**
 * The PDQ in 64 hexadecimal digits of either case.
 *
 * @throws FieldError naming `field`.
 */
export function pdqSignal(field: string, hex: string, quality = 100): Extract<Signal, { type: "pdq" }> {
  return { type: "pdq", frames: [{ hash: pdqHash(field, hex), quality: qualityOf(field, quality), atMs: 0 }] };
}

function pdqHash(field: string, hex: string): Hash {
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw new FieldError(field, `is not 64 hexadecimal digits${guess(hex)}`);
  const hash = hashFromHex(hex);
  const set = distance(hash, ZERO);
  if (set < LEAST_BITS || set > 256 - LEAST_BITS)
    throw new FieldError(field, `has ${set} of 256 bits set, and a PDQ of a picture about half of them: leave it out`);
  return hash;
}

/** What people mistake for a PDQ. */
function guess(text: string): string {
  const digits = /^[0-9a-fA-F]+$/.test(text) ? text.length : 0;
  const other = { 32: "an MD5", 40: "a SHA-1", 128: "a SHA-512" }[digits];
  return other
    ? `: it looks like ${other}, which finds only exact copies and is not supported`
    : `: it has ${text.length} characters`;
}

function qualityOf(field: string, quality: number): number {
  if (!Number.isInteger(quality) || quality < 0 || quality > 100)
    throw new FieldError(`${field} quality`, "must be a whole number from 0 to 100");
  if (quality < LEAST_QUALITY)
    throw new FieldError(`${field} quality`, `is ${quality}; under ${LEAST_QUALITY} a PDQ says nothing: leave it out`);
  return quality;
}

/**
 * The vPDQ in Meta's form, an array of "hash,quality,seconds". Seconds may have an exponent. Frames of low quality are left out, as
 * Meta's matcher does.
 *
 * @throws FieldError naming `field` and the frame.
 */
export function vpdqSignal(field: string, frames: unknown): Extract<Signal, { type: "vpdq" }> {
  if (!Array.isArray(frames)) throw new FieldError(field, 'must be an array of strings "hash,quality,seconds"');
  if (frames.length > MOST_FRAMES) throw new FieldError(field, `has ${frames.length} frames; ${MOST_FRAMES} are allowed`);
  const parsed = frames.map((frame, i) => vpdqFrame(`${field}[${i}]`, frame));
  const kept = parsed.filter(({ quality }) => quality >= LEAST_QUALITY);
  if (kept.length === 0) throw new FieldError(field, `has no frame of quality ${LEAST_QUALITY} or more: leave it out`);
  return {
    type: "vpdq",
    frames: kept.map(({ hex, ...f }) => ({ ...f, hash: pdqHash(field, hex) })).sort((a, b) => a.atMs - b.atMs),
  };
}

const FRAME = /^([0-9a-fA-F]{64}),(\d{1,3}),(\d+(?:\.\d*)?(?:[eE][+-]?\d{1,2})?)$/;
const LONGEST_MS = 2 ** 31 - 1;

function vpdqFrame(field: string, frame: unknown): { hex: string; quality: number; atMs: number } {
  const found = typeof frame === "string" ? FRAME.exec(frame) : null;
  if (!found) throw new FieldError(field, 'must be a string of 64 hexadecimal digits, quality and seconds, as in "…,100,1.5"');
  const [, hex, quality, seconds] = found;
  const atMs = Math.round(Number(seconds) * 1000);
  if (Number(quality) > 100) throw new FieldError(field, "has a quality above 100");
  if (atMs > LONGEST_MS) throw new FieldError(field, "has a time beyond 24 days");
  return { hex, quality: Number(quality), atMs };
}

/** @throws FieldError naming `field`. */
export function plainText(field: string, text: string, most = LONGEST_ENTRY): string {
  const trimmed = text.trim();
  if (trimmed === "") throw new FieldError(field, "is empty: give one, or leave the field out");
  if (trimmed.length > most) throw new FieldError(field, `has ${trimmed.length} characters; ${most} are allowed`);
  if (/[\p{Cc}\p{Cs}]/u.test(trimmed)) throw new FieldError(field, "has control characters: remove them");
  return trimmed;
}

/** @throws FieldError when it could not name a case. */
export function caseName(field: string, text: string): string {
  if (!/^[\x21-\x7e]{1,128}$/.test(text)) throw new FieldError(field, "must be 1-128 printable characters without spaces");
  return text;
}

const WITHDRAWN = new Set(["withdrawn", "deleted", "retired"]);
const ACTIVE = new Set(["active", "received"]);

/** Whether a status says that the entry is withdrawn. @throws FieldError for one that says neither. */
export function isWithdrawn(field: string, status: string): boolean {
  const folded = status.toLowerCase();
  if (!WITHDRAWN.has(folded) && !ACTIVE.has(folded)) throw new FieldError(field, "must be active, withdrawn or deleted");
  return WITHDRAWN.has(folded);
}
