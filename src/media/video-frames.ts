import { UnscannableError } from "../errors.js";
import type { Frame, Probe } from "../model.js";
import { demuxerOptions, shownStream } from "./containers.js";
import { type FfmpegRun, outputOf, runFfmpeg } from "./ffmpeg.js";
import type { Decoder } from "./find-decoder.js";
import { majorVersion } from "./find-ffmpeg.js";
import type { ReadOptions, Sampling } from "./frames.js";
import { createReferenceWatch, leavingOut } from "./groups.js";
import { frameSize, toLuma } from "./luma.js";
import { createTimeline } from "./timeline.js";

/** Codecs whose pictures often have transparent parts. The others' are read as luma straight away. */
const WITH_ALPHA = new Set(["gif", "apng", "png", "qtrle", "bmp", "jpegxl"]);

/** Animations store their first picture whole and then only what changes: they have no keyframes to speak of. */
const WITHOUT_KEYFRAMES = new Set(["gif", "apng"]);

/** One picture of 50 megapixels takes seconds. Some damaged JPEG XL keeps ffmpeg 7.0 busy for ever. */
const LONGEST_IMAGE_MS = 120_000;

/** Frames of a video, or of an image that only ffmpeg reads. See `readFrames`. */
export async function* readVideoFrames(
  path: string,
  probe: Probe,
  decoder: Decoder,
  given: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const options: ReadOptions = WITHOUT_KEYFRAMES.has(probe.codec)
    ? { ...given, sampling: withoutKeyframes(given.sampling) }
    : given;
  const size = frameSize(probe.width, probe.height);
  const channels = WITH_ALPHA.has(probe.codec) ? 4 : 1;
  const timeline = createTimeline(probe.framesPerSecond);
  const leftOut = options.sampling.mode === "every" ? options.sampling.leftOut : undefined;
  const refers = leftOut && createReferenceWatch(leftOut);
  let damage: string | undefined;
  let refersToLeftOut = false;
  const refuseReferring = () => {
    if (refersToLeftOut) throw new UnscannableError("pictures refer to others that were left out");
  };
  const run = runFfmpeg(
    {
      decoder,
      inputPath: path,
      inputOptions: inputOptions(probe, options),
      outputOptions: outputOptions(probe, size, channels, decoder, options),
      timeoutMs: probe.kind === "image" ? Math.min(options.timeoutMs, LONGEST_IMAGE_MS) : options.timeoutMs,
      onStderrLine: (line) => {
        timeline.onStderrLine(line);
        if (DAMAGE.test(line)) damage ??= line;
        refersToLeftOut ||= refers?.(line) ?? false;
      },
    },
    signal,
  );
  const ended = run.done.then(timeline.close, timeline.close);
  let count = 0;
  try {
    for await (const pixels of pictures(run, size.width * size.height * channels)) {
      const atMs = await timeline.next();
      refuseReferring();
      yield { atMs, ...size, luma: channels === 1 ? pixels : toLuma(pixels, channels) };
      count++;
    }
    await finish(run, count, () => damage, options);
    refuseReferring();
  } finally {
    await run.stop();
    await ended;
  }
}

const withoutKeyframes = (sampling: Sampling): Sampling =>
  sampling.mode === "keyframes" ? { mode: "every", framesPerSecond: sampling.framesPerSecond ?? 1 } : sampling;

/**
 * One thread costs the least in all; files are read side by side instead. CPU time for 60 s of 720p H.264, of a full decode: no
 * deblocking of pictures that no other is predicted from 90 % (a hash moves by 0 bits at the median, at most 4 of 120);
 * thrifty, no deblocking at all and no pictures that no other is predicted from, 50 % (2 bits; 18 in one of 20).
 */
function inputOptions(probe: Probe, { sampling, maxPixels }: ReadOptions): string[] {
  const skipped = {
    keyframes: ["-skip_loop_filter", "noref", "-skip_frame", "nokey"],
    thrifty: ["-skip_loop_filter", "all", "-skip_frame", "noref"],
    full: ["-skip_loop_filter", "noref"],
  }[sampling.mode === "keyframes" ? "keyframes" : sampling.thrifty ? "thrifty" : "full"];
  const { stretch, leftOut = [] } = sampling.mode === "every" ? sampling : {};
  const part = stretch ? ["-ss", `${stretch.fromMs}ms`, "-t", `${stretch.lastsMs}ms`] : leavingOut(leftOut);
  return [...demuxerOptions(probe.format), "-max_pixels", String(maxPixels), "-threads", "1", ...skipped, ...part];
}

function outputOptions(
  probe: Probe,
  size: { width: number; height: number },
  channels: number,
  decoder: Decoder,
  { sampling, maxFrames }: ReadOptions,
): string[] {
  // One picture out for each that the filters let pass, or pictures and times would not pair. Versions differ in the name.
  const major = majorVersion(decoder.version) ?? 0;
  const passAll = major >= 6 ? ["-fps_mode", "passthrough"] : ["-vsync", "0"];
  const scale = `scale=${size.width}:${size.height}:flags=area,format=${channels === 1 ? "gray" : "rgba"}`;
  return [
    ...shownStream(probe),
    ...["-an", "-sn", "-dn", "-nostats"],
    ...["-filter:v", `${selection(sampling)}${scale},showinfo`],
    ...passAll,
    ...(maxFrames ? ["-frames:v", String(maxFrames)] : []),
    ...["-c:v", "rawvideo", "-f", "rawvideo"],
  ];
}

/**
 * The first frame of every interval of a fixed grid, so that frames are as dense as asked for however uneven they come. A leap
 * in the time stamps (or a frame without one) costs no frames.
 */
function selection(sampling: Sampling): string {
  if (sampling.framesPerSecond === undefined) return "";
  const cell = (time: string) => `floor(${time}*${sampling.framesPerSecond}+0.001)`;
  return `select='isnan(prev_selected_t)+isnan(t)+gt(abs(${cell("t")}-${cell("prev_selected_t")})\\,0)',`;
}

/** Cuts the decoder's output into pictures of `bytes` each; what is left over at the end is dropped. */
async function* pictures(run: FfmpegRun, bytes: number): AsyncGenerator<Uint8Array> {
  let picture = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of outputOf(run)) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + bytes - filled);
      picture.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < bytes) continue;
      yield picture;
      picture = new Uint8Array(bytes);
      filled = 0;
    }
  }
}

/** ffmpeg also ends well on a file that was cut off, and only says so. */
const DAMAGE = /File ended prematurely|partial file|error while decoding|Error submitting packet|corrupt/i;

async function finish(run: FfmpegRun, count: number, damage: () => string | undefined, options: ReadOptions): Promise<void> {
  const { exitCode, stderrTail } = await run.done;
  if (count === 0) throw new UnscannableError("not one picture could be decoded", stderrTail);
  if (exitCode === 0 && damage() === undefined) return;
  options.onWarning?.(`the file could be decoded only in part: ${damage() ?? stderrTail}`);
}
