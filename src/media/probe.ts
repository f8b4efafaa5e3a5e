import { text } from "node:stream/consumers";
import { UnscannableError } from "../errors.js";
import type { MediaFile, MediaKind, Probe } from "../model.js";
import { type Container, demuxerOptions, sniff } from "./containers.js";
import { isEncryptedMp4 } from "./encrypted-mp4.js";
import { outputOf, runFfmpeg } from "./ffmpeg.js";
import { refuseOtherCodecs } from "./ffmpeg-decoders.js";
import type { Decoder } from "./find-decoder.js";
import { keyframeGapMs } from "./keyframe-gap.js";
import { type FfmpegInput, parseFfmpegInput } from "./parse-ffmpeg-input.js";
import { type ImageMetadata, isDamage } from "./still/decoder.js";
import { readImageMetadata } from "./still/image.js";

export interface ProbeLimits {
  maxPixels: number;
  maxDurationMs: number;
  timeoutMs: number;
}

/** Real files take a fraction of a second; one that takes longer has been made to keep ffmpeg busy. */
const LONGEST_PROBE_MS = 120_000;

/** Of what ffmpeg says of a file. Real ones have some tens, and with a thousand chapters and tags four thousand. */
const MOST_LINES = 20_000;

/** Enough to know whether keyframes are close, and no more of a file whose pictures have no times. */
const FIRST_PACKETS = ["-t", "4", "-frames:v", "400"];

/** Browsers show a frame of an animation for 100 ms when the file asks for 10 ms or less. */
const SHORTEST_DELAY_MS = 11;
const UNSET_DELAY_MS = 100;

/**
 * What the file is, judged by its content. Animated GIF, WebP and PNG are videos. `durationMs` of a video is 0 when the
 * container does not know it. Width and height are as displayed (rotation and pixel shape applied).
 *
 * @throws UnscannableError with a sentence for a person if it holds no picture, is damaged or is over a limit.
 */
export async function probeMedia(file: MediaFile, decoder: Decoder, limits: ProbeLimits, signal: AbortSignal): Promise<Probe> {
  signal.throwIfAborted();
  const container = await sniff(file.path);
  const probe =
    container.reader === "sharp"
      ? await probeImage(file.path, container.format, decoder, limits, signal)
      : await probeWithFfmpeg(file.path, container, decoder, limits, signal);
  if (probe.durationMs > limits.maxDurationMs) {
    const minutes = (ms: number) => Math.round(ms / 6000) / 10;
    throw new UnscannableError(
      `the video lasts ${minutes(probe.durationMs)} minutes, more than the limit of ${minutes(limits.maxDurationMs)}`,
    );
  }
  return probe;
}

async function probeImage(
  path: string,
  format: string,
  decoder: Decoder,
  limits: ProbeLimits,
  signal: AbortSignal,
): Promise<Probe> {
  const metadata = await imageMetadata(path, format, decoder, limits, signal);
  const { width, height } = metadata.autoOrient;
  refuseTooLarge(width, height, limits.maxPixels);
  const codec = metadata.compression ?? metadata.format;
  const pages = metadata.pages ?? 1;
  if (pages < 2 || !["gif", "webp"].includes(format)) {
    return { kind: "image", format, codec, width, height, durationMs: 0, framesPerSecond: 0 };
  }
  const durationMs = pageDelaysMs(metadata).reduce((sum, delay) => sum + delay, 0);
  return { kind: "video", format, codec, width, height, durationMs, framesPerSecond: (pages * 1000) / durationMs };
}

async function imageMetadata(
  path: string,
  format: string,
  decoder: Decoder,
  limits: ProbeLimits,
  signal: AbortSignal,
): Promise<ImageMetadata> {
  try {
    return await readImageMetadata(path, decoder, limits, signal);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const reason = format === "heic" ? "HEIC pictures cannot be read here: convert it to JPEG" : "the image is damaged";
    throw new UnscannableError(reason, (error as UnscannableError).detail);
  }
}

/** How long each page of an animation is shown, as browsers show it. */
export function pageDelaysMs(metadata: Pick<ImageMetadata, "pages" | "delay">): number[] {
  return Array.from({ length: metadata.pages ?? 1 }, (_, page) => {
    const delay = metadata.delay?.[page] ?? 0;
    return delay < SHORTEST_DELAY_MS ? UNSET_DELAY_MS : delay;
  });
}

async function probeWithFfmpeg(
  path: string,
  container: Extract<Container, { reader: "ffmpeg" }>,
  decoder: Decoder,
  limits: ProbeLimits,
  signal: AbortSignal,
): Promise<Probe> {
  if (container.demuxer === "mov" && (await isEncryptedMp4(path)))
    throw new UnscannableError("the video is encrypted and cannot be read without its key");
  const lines: string[] = [];
  const run = runFfmpeg(
    {
      decoder,
      inputPath: path,
      inputOptions: container.demuxer ? demuxerOptions(container.demuxer) : [],
      // Decodes nothing: the description of the input, on stderr, is what is wanted, and of the first packets which are keyframes.
      outputOptions: ["-map", "0:v:0?", "-c", "copy", ...FIRST_PACKETS, "-f", "framecrc"],
      timeoutMs: Math.min(limits.timeoutMs, LONGEST_PROBE_MS),
      onStderrLine: (line) => lines.length < MOST_LINES && lines.push(line.slice(0, 1000)),
    },
    signal,
  );
  const packets = await text(outputOf(run));
  const { stderrTail } = await run.done;
  if (lines.length === MOST_LINES)
    throw new UnscannableError(`the file's description of itself is longer than ${MOST_LINES} lines`, stderrTail);
  const input = parseFfmpegInput(lines, container.isSequence);
  if (!input) throw new UnscannableError("the file is not a known image or video, or is damaged at its start", stderrTail);
  const gapMs = keyframeGapMs(packets);
  return { ...toProbe(input, container.kind, limits, stderrTail), ...(gapMs !== undefined && { keyframeGapMs: gapMs }) };
}

function toProbe(input: FfmpegInput, kind: MediaKind, limits: ProbeLimits, stderrTail: string): Probe {
  const { video, hasAudio, format } = input;
  if (!video) {
    const what = hasAudio ? "the file has sound but no picture" : "the file holds no picture that can be read: it may be damaged";
    throw new UnscannableError(what, stderrTail);
  }
  refuseOtherCodecs(video.codec);
  if (video.width === 0) throw new UnscannableError("the size of the picture cannot be found: the video is damaged", stderrTail);
  refuseTooLarge(video.width, video.height, limits.maxPixels);
  const { codec, width, height } = video;
  const { durationMs, framesPerSecond } = kind === "image" ? { durationMs: 0, framesPerSecond: 0 } : { ...input, ...video };
  const stream = video.isFirst ? {} : { stream: video.stream };
  return { kind, format, codec, width, height, durationMs, framesPerSecond, ...stream };
}

function refuseTooLarge(width: number, height: number, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw new UnscannableError(`the picture has ${width} × ${height} pixels, more than the limit of ${maxPixels}`);
}
