import type { Probe, Stretch } from "../model.js";
import { demuxerOptions, shownStream } from "./containers.js";
import { outputOf, runFfmpeg } from "./ffmpeg.js";
import type { Decoder } from "./find-decoder.js";
import { majorVersion } from "./find-ffmpeg.js";
import { createPacketReader } from "./keyframe-gap.js";
import { readShowinfo } from "./timeline.js";

/** The first ffmpeg that leaves out packets before it decodes them. */
const LEAVES_OUT_PACKETS = 7;

/** Codecs of which ffmpeg tells by their pictures which are stored whole, whatever the file says. */
const KNOWN_WHOLE = new Set(["h264", "hevc"]);

/** With more, what is left out would not fit on a command line. */
const MOST_GROUPS = 2_000;

/** A minute takes 0.03 s; a file that takes longer than this is read in full. */
const LONGEST_LISTING_MS = 120_000;

/**
 * When a video's groups of pictures begin, each with a picture stored whole, in ms since the first of them. Decodes nothing.
 *
 * @returns none where pictures may not be left out: for want of a newer ffmpeg or of a codec that tells where that does harm, or of too many groups.
 */
export async function listGroups(
  path: string,
  probe: Probe,
  decoder: Decoder,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number[]> {
  if (!KNOWN_WHOLE.has(probe.codec) || (majorVersion(decoder.version) ?? 0) < LEAVES_OUT_PACKETS) return [];
  const run = runFfmpeg(
    {
      decoder,
      inputPath: path,
      inputOptions: demuxerOptions(probe.format),
      outputOptions: [...shownStream(probe), "-c", "copy", "-f", "framecrc"],
      timeoutMs: Math.min(timeoutMs, LONGEST_LISTING_MS),
    },
    signal,
  );
  const startsMs: number[] = [];
  const packetOf = createPacketReader();
  let rest = "";
  for await (const text of outputOf(run)) {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop()!;
    const keyframes = lines.map(packetOf).filter((packet) => packet?.isKeyframe);
    startsMs.push(...keyframes.map((packet) => packet!.shownMs));
    if (startsMs.length > MOST_GROUPS) break;
  }
  await run.stop();
  return startsMs.length > MOST_GROUPS ? [] : startsMs.map((ms) => ms - startsMs[0]);
}

/**
 * What makes ffmpeg leave out, before it decodes them, all packets of a group from the first that is shown in one of these parts, and those that come after
 * its keyframe but are shown before it, in one (they may refer to the group before). Times count from the first keyframe.
 */
export function leavingOut(parts: Stretch[]): string[] {
  if (parts.length === 0) return [];
  const seconds = (ms: number) => (ms / 1000).toFixed(3);
  const inPart = parts.map(({ fromMs, lastsMs }) => `between(ld(2),${seconds(fromMs)},${seconds(fromMs + lastsMs)})`).join("+");
  const shown = "if(eq(pts,nopts),dts,pts)";
  // 0: when the first keyframe is shown; 1: whether there was one; 2: seconds since; 3: whether one of this group was left out; 4: when its keyframe is shown; 5: whether this one is shown in a part.
  const first = `if(key*not(ld(1)),st(1,1)*st(0,${shown}))`;
  const drop = `if(key,0*st(3,0)*st(4,ld(2)),if(lt(ld(2),ld(4)),ld(5),st(3,gt(ld(3)+ld(5),0))))`;
  return ["-bsf:v", `noise=drop='0*${first}+0*st(2,(${shown}-ld(0))*tb)+0*st(5,${inPart})+ld(1)*${drop}'`];
}

/** What ffmpeg says where a picture refers to one that is not there. For some it says nothing. */
const REFERS = /[Mm]issing reference|Could not find ref|reference picture missing/;

/** Less than from one picture to the next, and more than what times are rounded by. */
const SAME_TIME_MS = 5;

/**
 * Reads what ffmpeg says, line by line, while it leaves out these parts, and tells whether one refers to what was left out: ffmpeg says so, or the first
 * picture after a part, as `showinfo` has it, is not stored whole, whatever the file calls it.
 */
export function createReferenceWatch(parts: Stretch[]): (line: string) => boolean {
  let passed = 0;
  let firstMs: number | undefined;
  return (line) => {
    const shown = readShowinfo(line);
    if (shown?.type === undefined) return REFERS.test(line);
    firstMs ??= shown.ptsMs;
    const before = passed;
    while (passed < parts.length && endOf(parts[passed]) <= shown.ptsMs - firstMs + SAME_TIME_MS) passed++;
    return passed > before && shown.type !== "I";
  };
}

const endOf = ({ fromMs, lastsMs }: Stretch): number => fromMs + lastsMs;
