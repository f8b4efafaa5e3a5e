export interface FfmpegInput {
  /** The demuxer's first name, such as "mov" or "matroska". */
  format: string;
  durationMs: number;
  hasAudio: boolean;
  /** The first video stream that is not cover art, as displayed. Width 0: not known. */
  video?: { codec: string; width: number; height: number; framesPerSecond: number };
}

/** Beyond this a pixel shape is a mistake or an attack, not a format. */
const MAX_PIXEL_STRETCH = 4;

/**
 * Reads what ffmpeg prints on stderr about its input. Returns undefined if it could not open one.
 * Titles and other text from the file are on lines of their own that match none of the patterns' indents.
 */
export function parseFfmpegInput(lines: string[]): FfmpegInput | undefined {
  const from = lines.findIndex((line) => line.startsWith("Input #0, "));
  if (from < 0) return undefined;
  const format = /^Input #0, ([\w-]+)/.exec(lines[from])?.[1] ?? "";
  const input: FfmpegInput = { format, durationMs: 0, hasAudio: false };
  const description = untilOutput(lines.slice(from + 1));
  let firstVideo = -1;
  description.forEach((line, at) => {
    const duration = /^ {2}Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?),/.exec(line);
    if (duration)
      input.durationMs = Math.round((Number(duration[1]) * 3600 + Number(duration[2]) * 60 + Number(duration[3])) * 1000);
    const stream = /^ {2,4}Stream #0:\d+\S*: (Audio|Video): (.*)$/.exec(line);
    if (stream?.[1] === "Audio") input.hasAudio = true;
    if (stream?.[1] !== "Video" || stream[2].includes("(attached pic)") || firstVideo >= 0) return;
    firstVideo = at;
    input.video = parseVideo(stream[2]);
  });
  if (input.video && isOnItsSide(description.slice(firstVideo + 1))) {
    const { width, height } = input.video;
    Object.assign(input.video, { width: height, height: width });
  }
  return input;
}

function untilOutput(lines: string[]): string[] {
  const end = lines.findIndex((line) => /^(Output #0|Stream mapping:)/.test(line));
  return end < 0 ? lines : lines.slice(0, end);
}

function parseVideo(text: string): NonNullable<FfmpegInput["video"]> {
  const size = /, (\d+)x(\d+)/.exec(text);
  const shape = /SAR (\d+):(\d+)/.exec(text);
  const framesPerSecond = Number(/, (\d+(?:\.\d+)?) fps/.exec(text)?.[1] ?? /, (\d+(?:\.\d+)?) tbr/.exec(text)?.[1] ?? 0);
  const stretch = shape ? Number(shape[1]) / Number(shape[2]) : 1;
  const believable = stretch <= MAX_PIXEL_STRETCH && stretch >= 1 / MAX_PIXEL_STRETCH;
  return {
    codec: /^\w+/.exec(text)?.[0] ?? "",
    width: size ? Math.max(1, Math.round(Number(size[1]) * (believable ? stretch : 1))) : 0,
    height: size ? Number(size[2]) : 0,
    framesPerSecond,
  };
}

/** Looks at the lines under the stream, up to the next stream. */
function isOnItsSide(linesAfter: string[]): boolean {
  const end = linesAfter.findIndex((line) => /^ {2,4}Stream #/.test(line));
  const own = end < 0 ? linesAfter : linesAfter.slice(0, end);
  const turned = own
    .map((line) => /^ {4,}displaymatrix: rotation of (-?\d+(?:\.\d+)?) degrees/.exec(line)?.[1])
    .find((degrees) => degrees !== undefined);
  return turned !== undefined && Math.abs((Math.abs(Number(turned)) % 180) - 90) < 45;
}
