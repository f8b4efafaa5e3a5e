import { writeFile } from "node:fs/promises";
import { cached, runFfmpeg } from "../ffmpeg.js";
import { haystackEncoding } from "../haystack.js";
import { type Attack, type AttackContext, span } from "./recipe.js";

const EXCERPT_MS = 5000;
const PIECE_MS = 60_000;

/** The middle of the known, up to 5 s, in the haystack's size, so that it can be joined to it without encoding. */
async function excerptOf(context: AttackContext): Promise<{ path: string; fromMs: number; lengthMs: number }> {
  const lengthMs = Math.floor((Math.min(EXCERPT_MS, context.clipMs) * 15) / 1000) * (1000 / 15);
  const fromMs = Math.max(0, (context.clipMs - lengthMs) / 2);
  const path = await cached(context.cacheDir, ".mp4", ["excerpt", 1, context.known.path, fromMs, lengthMs], (to) =>
    runFfmpeg([
      ...["-i", context.known.path, "-an", "-vf"],
      `fps=15,trim=start=${fromMs / 1000},setpts=PTS-STARTPTS,scale=iw*sar:ih,scale=426:240:force_original_aspect_ratio=decrease,pad=426:240:(ow-iw)/2:(oh-ih)/2,setsar=1`,
      ...["-frames:v", String(Math.round((lengthMs * 15) / 1000)), ...haystackEncoding, to],
    ]),
  );
  return { path, fromMs, lengthMs };
}

/** Where the excerpt goes differs from known to known: never at the very start or end. */
function minuteFor(name: string, minutes: number): number {
  return 1 + ([...name].reduce((sum, c) => sum + c.charCodeAt(0), 0) % (minutes - 1));
}

interface Buried {
  name: string;
  group: Attack["group"];
  encode: string[];
  /** Of the haystack, the minutes before and after the one that the excerpt follows. */
  around(pieces: string[], minute: number): { before: string[]; after: string[] };
}

/** Five seconds of the known inside of minutes of something else. */
const buried = ({ name, group, encode, around }: Buried): Attack => ({
  name,
  group,
  appliesTo: ["video"],
  async make(context) {
    const pieces = await context.haystack();
    const { path, fromMs, lengthMs } = await excerptOf(context);
    const { before, after } = around(pieces, minuteFor(context.known.name, pieces.length));
    const parts = [...before, path, ...after];
    const list = await cached(context.cacheDir, ".txt", ["list", parts], async (to) => {
      await writeFile(to, parts.map((part) => `file '${part.replaceAll("'", "'\\''")}'\n`).join(""));
    });
    const atMs = before.length * PIECE_MS;
    return {
      inputs: ["-f", "concat", "-safe", "0", "-i", list],
      encode,
      extension: ".mp4",
      kind: "video",
      durationMs: atMs + lengthMs + after.length * PIECE_MS,
      truth: [span(context, atMs, atMs + lengthMs, fromMs)],
    };
  },
});

export const buriedExcerpt = buried({
  name: "excerpt-5s-in-10-min",
  group: "excerpt",
  encode: ["-c:v", "copy"],
  around: (pieces, minute) => ({ before: pieces.slice(0, minute), after: pieces.slice(minute) }),
});

/** Where encoders put keyframes, at 15 pictures a second: telephones and messengers every second, platforms every five, x264 at cuts and else every ten. */
const KEYFRAMES = {
  "every-1-s": ["-bf", "0", "-g", "15", "-sc_threshold", "0"],
  "every-5-s": ["-g", "75", "-sc_threshold", "0"],
  "at-cuts": ["-g", "150"],
};

/** In two minutes, by where keyframes are: for whoever reads those first, or alone. */
export const excerptsByKeyframes = Object.entries(KEYFRAMES).map(([where, options]) =>
  buried({
    name: `excerpt-5s-keyframes-${where}`,
    group: "keyframes",
    encode: ["-c:v", "libx264", "-preset", "veryfast", "-crf", "28", ...options],
    around: (pieces, minute) => ({ before: [pieces[minute - 1]], after: [pieces[minute]] }),
  }),
);
