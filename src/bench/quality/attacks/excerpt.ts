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

/** Five seconds of the known inside ten minutes of something else. */
export const buriedExcerpt: Attack = {
  name: "excerpt-5s-in-10-min",
  group: "excerpt",
  appliesTo: ["video"],
  async make(context) {
    const pieces = await context.haystack();
    const { path, fromMs, lengthMs } = await excerptOf(context);
    const minute = minuteFor(context.known.name, pieces.length);
    const parts = [...pieces.slice(0, minute), path, ...pieces.slice(minute)];
    const list = await cached(context.cacheDir, ".txt", ["list", parts], async (to) => {
      await writeFile(to, parts.map((part) => `file '${part.replaceAll("'", "'\\''")}'\n`).join(""));
    });
    return {
      inputs: ["-f", "concat", "-safe", "0", "-i", list],
      encode: ["-c:v", "copy"],
      extension: ".mp4",
      kind: "video",
      durationMs: pieces.length * PIECE_MS + lengthMs,
      truth: [span(context, minute * PIECE_MS, minute * PIECE_MS + lengthMs, fromMs)],
    };
  },
};
