import { UnscannableError } from "../errors.js";

export interface FfmpegInput {
  /** The demuxer's first name, such as "mov" or "matroska". */
  format: string;
  durationMs: number;
  hasAudio: boolean;
  /** The video that a player shows, as displayed. */
  video?: FfmpegVideo;
}

export interface FfmpegVideo {
  /** Its place among the file's streams. */
  stream: number;
  /** Whether it is the first video that is not cover art. */
  isFirst: boolean;
  codec: string;
  /** 0: not known. */
  width: number;
  height: number;
  framesPerSecond: number;
}

interface Stream {
  index: number;
  type: string;
  text: string;
  /** The lines under it. */
  own: string[];
}

/** Beyond this a pixel shape is a mistake or an attack, not a format. */
const MAX_PIXEL_STRETCH = 4;

/** A language has neither colons nor brackets: one that had could go on like a line of ours. */
const STREAM = /^ {2,4}Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\([^():]*\))?: (\w+)(?:: (.*))?$/;

/** ... and what a stream is, is said once in a line. */
const TWICE = /\): (?:Video|Audio|Subtitle|Data|Attachment): /;

/**
 * Reads what ffmpeg prints on stderr about its input. Returns undefined if it could not open one.
 *
 * ffmpeg prints a few texts of the file as they are, line ends and all (languages, names of tags and of codecs), and so a file can make it
 * print whole lines. They cannot take the place of the true ones, which are printed too: what is said twice, or not as ffmpeg says it, gives
 * the forgery away.
 *
 * @param isSequence of pictures, as a moving AVIF is: its first picture is there a second time, as a still that is not to be taken for it.
 * @throws UnscannableError if the description is forged.
 */
export function parseFfmpegInput(lines: string[], isSequence = false): FfmpegInput | undefined {
  // What comes after the input: version 5 describes the output before the mapping, later ones after it.
  const ends = [lines.lastIndexOf("Stream mapping:"), lines.findLastIndex((line) => line.startsWith("Output #0, "))];
  const described = lines.slice(0, Math.min(...ends.filter((end) => end >= 0), lines.length));
  const inputs = described.filter((line) => line.startsWith("Input #0, "));
  if (inputs.length === 0) return undefined;
  const durations = described.filter((line) => line.startsWith("  Duration: "));
  const streams = streamsIn(described);
  if (inputs.length > 1 || durations.length > 1) throw forged();
  const format = /^Input #0, ([\w-]+)/.exec(inputs[0])?.[1] ?? "";
  return {
    format,
    durationMs: durationMsOf(durations[0] ?? "", format),
    hasAudio: streams.some(({ type }) => type === "Audio"),
    video: shownVideo(streams, isSequence),
  };
}

const forged = (): UnscannableError =>
  new UnscannableError("the file's description of itself is forged: one of its texts pretends to be something else");

function streamsIn(lines: string[]): Stream[] {
  const streams = new Map<number, Stream>();
  let last: Stream | undefined;
  for (const line of lines) {
    if (!/^ {2,4}Stream #0/.test(line)) {
      last?.own.push(line);
      continue;
    }
    const [, index, type, text = ""] = STREAM.exec(line) ?? [];
    if (index === undefined || TWICE.test(text)) throw forged();
    last = { index: Number(index), type, text, own: [] };
    const earlier = streams.get(last.index);
    // A stream of two programmes is named in both.
    if (earlier && (earlier.type !== type || earlier.text !== text)) throw forged();
    if (!earlier) streams.set(last.index, last);
  }
  return [...streams.values()].sort((a, b) => a.index - b.index);
}

/** Of `  Duration: 01:02:03.45, start: 1.5, …`; 0 when it is not known ("N/A"). Matroska counts from 0, wherever the first picture is. */
function durationMsOf(line: string, format: string): number {
  const parts = /^ {2}Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?),(?: start: (-?[\d.]+))?/.exec(line);
  if (!parts) return 0;
  const [hours, minutes, seconds, start = 0] = parts.slice(1).map(Number);
  const late = format === "matroska" && start > 0 ? start : 0;
  return Math.max(0, Math.round((hours * 3600 + minutes * 60 + seconds - late) * 1000));
}

/** The one that the file says is to be shown, else the first; of a sequence the one with a clock, or the last of several. */
function shownVideo(streams: Stream[], isSequence: boolean): FfmpegVideo | undefined {
  const videos = streams.filter(({ type, text }) => type === "Video" && !text.includes("(attached pic)"));
  if (videos.length === 0) return undefined;
  const [finest] = [...videos].sort((a, b) => clockOf(b) - clockOf(a) || b.index - a.index);
  const shown = isSequence ? finest : (videos.find(({ text }) => / \(default\)/.test(text)) ?? videos[0]);
  const video = { stream: shown.index, isFirst: shown === videos[0], ...parseVideo(shown.text) };
  const { width, height } = video;
  return isOnItsSide(shown.own) ? { ...video, width: height, height: width } : video;
}

/** Ticks a second. */
const clockOf = ({ text }: Stream): number => rateIn(text, "tbn");

function parseVideo(text: string): Pick<FfmpegVideo, "codec" | "width" | "height" | "framesPerSecond"> {
  const size = /, (\d+)x(\d+)/.exec(text);
  const shape = /SAR (\d+):(\d+)/.exec(text);
  const stretch = shape ? Number(shape[1]) / Number(shape[2]) : 1;
  const believable = stretch <= MAX_PIXEL_STRETCH && stretch >= 1 / MAX_PIXEL_STRETCH;
  return {
    codec: /^\w+/.exec(text)?.[0] ?? "",
    width: size ? Math.max(1, Math.round(Number(size[1]) * (believable ? stretch : 1))) : 0,
    height: size ? Number(size[2]) : 0,
    framesPerSecond: rateIn(text, "fps") || rateIn(text, "tbr"),
  };
}

/** `25 fps`, `1k tbn`; 0 when it is not told. */
function rateIn(text: string, unit: "fps" | "tbr" | "tbn"): number {
  const found = new RegExp(`, (\\d+(?:\\.\\d+)?)(k?) ${unit}`).exec(text);
  return found ? Number(found[1]) * (found[2] ? 1000 : 1) : 0;
}

function isOnItsSide(own: string[]): boolean {
  const turned = own
    .map((line) => /^ {4,}displaymatrix: rotation of (-?\d+(?:\.\d+)?) degrees$/.exec(line)?.[1])
    .find((degrees) => degrees !== undefined);
  return turned !== undefined && Math.abs((Math.abs(Number(turned)) % 180) - 90) < 45;
}
