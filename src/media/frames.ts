import { UnscannableError } from "../errors.js";
import type { Frame, MediaFile, Probe, Stretch } from "../model.js";
import { readAnimatedWebp } from "./animated-webp.js";
import { DEMUXERS } from "./containers.js";
import type { Decoder } from "./find-decoder.js";
import { readStillImage } from "./still/image.js";
import { readVideoFrames } from "./video-frames.js";

/**
 * `every`: evenly in time, at most so many a second; `thrifty` leaves out the pictures that no other refers to and the deblocking
 * filter, which halves the cost of H.264 and moves a hash by 2 bits (median); of a `stretch` no more than that part is read, and times count from its first
 * picture; of parts that are `leftOut` no more than keyframes are. `keyframes`: the pictures stored whole, at most so many a second.
 */
export type Sampling =
  | { mode: "every"; framesPerSecond: number; thrifty?: boolean; stretch?: Stretch; leftOut?: Stretch[] }
  | { mode: "keyframes"; framesPerSecond?: number };

export interface ReadOptions {
  sampling: Sampling;
  /** For the whole reading, by the clock on the wall. */
  timeoutMs: number;
  maxPixels: number;
  maxFrames?: number;
  /** Of what is read: a container may not know how long it lasts, or lie about it. */
  maxDurationMs?: number;
  /** Told when the end of a file could not be decoded. */
  onWarning?: (text: string) => void;
}

/**
 * The frames of an image (one) or video (the first is the video's first picture), in order of time. 8-bit luma, longest
 * side at most 256, shape kept. Frames are decoded as they are taken: memory does not grow with the video's length, and
 * leaving the loop early ends the decoder.
 *
 * @throws UnscannableError if not one picture could be decoded, or one refers to what was left out, on the first one after `maxDurationMs`, or after `timeoutMs`; the signal's
 *   reason if aborted.
 */
export async function* readFrames(
  file: MediaFile,
  probe: Probe,
  decoder: Decoder,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  signal.throwIfAborted();
  let count = 0;
  for await (const frame of framesOf(file, probe, decoder, options, signal)) {
    signal.throwIfAborted();
    if (options.maxDurationMs !== undefined && frame.atMs > options.maxDurationMs) throw goesOn(options.maxDurationMs);
    yield frame;
    if (++count === options.maxFrames) return;
  }
}

const goesOn = (maxDurationMs: number): UnscannableError =>
  new UnscannableError(`the video goes on after the limit of ${Math.round(maxDurationMs / 6000) / 10} minutes`);

function framesOf(
  file: MediaFile,
  probe: Probe,
  decoder: Decoder,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncIterable<Frame> {
  if (DEMUXERS.split(",").includes(probe.format) && !(probe.format === "gif" && probe.kind === "image")) {
    return readVideoFrames(file.path, probe, decoder, options, signal);
  }
  if (probe.kind === "video") return readAnimatedWebp(file.path, decoder, options.sampling, options, signal);
  return one(readStillImage(file.path, decoder, options, signal));
}

async function* one(frame: Promise<Frame>): AsyncGenerator<Frame> {
  yield await frame;
}
