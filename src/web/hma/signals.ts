import { FieldError, pdqSignal, type Signal, vpdqSignal } from "../../exchange/entry.js";
import { vpdqString } from "../../exchange/export-list.js";
import { hashToHex } from "../../fingerprint/hash.js";
import { listedOf } from "../../fingerprint/meta-pdq.js";
import type { MediaKind, Reading } from "../../model.js";
import { refused } from "./errors.js";

export const SIGNAL_TYPES = ["pdq", "vpdq"] as const;
export type SignalType = (typeof SIGNAL_TYPES)[number];

export const CONTENT_TYPES = { photo: "image", video: "video" } as const satisfies Record<string, MediaKind>;
export type ContentType = keyof typeof CONTENT_TYPES;

/** A vPDQ with more frames would be a lookup of minutes. */
const MOST_FRAMES = 10_000;

/** @throws ProblemError 400 as HMA says it, also for `video_md5`: an exact hash finds no altered copy. */
export function signalTypeOf(name: string): SignalType {
  const found = SIGNAL_TYPES.find((type) => type === name);
  if (!found) throw refused(400, `No such SignalType '${name.slice(0, 64)}'`);
  return found;
}

/** The types in `types`, a list with commas; all of them when it is missing. */
export const signalTypesOf = (types: string | undefined): SignalType[] =>
  types === undefined || types === "" ? [...SIGNAL_TYPES] : types.split(",").map((type) => signalTypeOf(type.trim()));

/** @throws ProblemError 400. As in HMA, a PDQ has lower-case digits. */
export function signalOf(type: SignalType, text: string): Signal {
  try {
    if (type === "vpdq") return vpdqOf(text);
    if (!/^[0-9a-f]{64}$/.test(text)) throw new FieldError("pdq", "must be 64 lower-case hexadecimal digits");
    return pdqSignal("pdq", text);
  } catch (error) {
    if (error instanceof FieldError) throw refused(400, `invalid signal: ${error.field} ${error.message}`);
    throw error;
  }
}

function vpdqOf(text: string): Signal {
  let frames: unknown;
  try {
    frames = JSON.parse(text);
  } catch {
    throw new FieldError("vpdq", "is not JSON");
  }
  const signal = vpdqSignal("vpdq", frames);
  if (signal.frames.length > MOST_FRAMES) throw new FieldError("vpdq", `has more than ${MOST_FRAMES} frames`);
  return signal;
}

/**
 * The signals of media that was read: of a still Meta's PDQ, or "" where HMA discards it too; of a video the hashes of its frames, which are
 * ours and lie 8 bits from Meta's (median).
 */
export function signalsOf(reading: Reading, types: SignalType[]): Partial<Record<SignalType, string>> {
  if (reading.kind === "image") {
    const listed = listedOf(reading);
    return types.includes("pdq") ? { pdq: listed ? hashToHex(listed.pdq) : "" } : {};
  }
  const frames = reading.fingerprints.filter((f) => f.variant === "full");
  const signal = frames.map((f) => ({ hash: f.pdq, quality: Math.round(f.quality), atMs: Math.round(f.atMs) }));
  return types.includes("vpdq") ? { vpdq: signal.length > 0 ? vpdqString(signal) : "" } : {};
}
