import type { MediaKind } from "../../../model.js";
import type { Assets } from "../assets.js";
import type { GroupId } from "../groups.js";
import type { Media, Truth } from "../types.js";

/** At most this much of a known is attacked, so that a long reference does not decide how long the bench takes. */
export const LONGEST_CLIP_MS = 120_000;

/** What an attack is made from. `width` and `height` are the size it works at: even, square pixels. */
export interface AttackContext {
  known: Media;
  /** Another known of the same kind. */
  second: Media;
  innocentVideo: string;
  innocentImage: string;
  width: number;
  height: number;
  /** How much of the known is used. */
  clipMs: number;
  cacheDir: string;
  /** Path of an overlay, by default of the working size. */
  asset(name: keyof Assets, width?: number, height?: number): Promise<string>;
  /** One-minute innocent pieces, 426×240 at 15 frames/s, which can be joined without encoding again. */
  haystack(): Promise<string[]>;
}

/** One run of ffmpeg. `filter` ends in `[out]`; without it the streams are copied. */
export interface Recipe {
  inputs: string[];
  filter?: string;
  encode: string[];
  extension: string;
  kind: MediaKind;
  durationMs: number;
  truth: Truth[];
}

export interface Attack {
  name: string;
  group: GroupId;
  appliesTo: readonly MediaKind[];
  make(context: AttackContext): Promise<Recipe>;
}

/** From the working picture `[v]` to `[out]`; the files in `inputs` are `[1:v]`, `[2:v]`, … */
export interface Graph {
  filter: string;
  inputs?: string[];
}

export const X264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];
export const BOTH = ["video", "image"] as const;

/** The known as ffmpeg's first input, scaled to the working size as `[v]`. */
export function workingPicture(context: AttackContext): string {
  return `[0:v]scale=${context.width}:${context.height},setsar=1,format=yuv420p[v]`;
}

export function knownInput(context: AttackContext): string[] {
  return context.known.kind === "image"
    ? ["-i", context.known.path]
    : ["-t", String(context.clipMs / 1000), "-i", context.known.path];
}

/** The known from `fromMs` to `toMs` of the attacked file, at the same pace as the original unless `speed` says otherwise. */
export function span(context: AttackContext, fromMs: number, toMs: number, knownFromMs: number, speed = 1): Truth {
  return { caseId: context.known.caseId, fromMs, toMs, knownFromMs, speed };
}

interface PictureOptions {
  appliesTo?: readonly MediaKind[];
  /** Encoder for video; images become JPEG unless `imageEncode` says otherwise. */
  encode?: string[];
  extension?: string;
  imageEncode?: string[];
  imageExtension?: string;
}

/** An attack that changes the picture and leaves the time line alone. */
export function pictureAttack(
  name: string,
  group: GroupId,
  graph: (context: AttackContext) => Graph | Promise<Graph>,
  options: PictureOptions = {},
): Attack {
  return {
    name,
    group,
    appliesTo: options.appliesTo ?? BOTH,
    async make(context) {
      const { filter, inputs = [] } = await graph(context);
      const { kind } = context.known;
      const still = kind === "image";
      return {
        inputs: [...knownInput(context), ...inputs],
        filter: `${workingPicture(context)};${filter}`,
        encode: still
          ? ["-frames:v", "1", ...(options.imageEncode ?? ["-q:v", "4"])]
          : (options.encode ?? [...X264, "-crf", "26"]),
        extension: still ? (options.imageExtension ?? ".jpg") : (options.extension ?? ".mp4"),
        kind,
        durationMs: context.clipMs,
        truth: [span(context, 0, context.clipMs, 0)],
      };
    },
  };
}

/** A picture attack that is one chain of filters. */
export function chainAttack(name: string, group: GroupId, chain: string, options?: PictureOptions): Attack {
  return pictureAttack(name, group, () => ({ filter: `[v]${chain}[out]` }), options);
}

/** An attack that lays one generated overlay over the picture. */
export function overlayAttack(name: string, group: GroupId, overlay: keyof Assets): Attack {
  return pictureAttack(name, group, async (context) => ({
    filter: "[v][1:v]overlay=0:0,format=yuv420p[out]",
    inputs: ["-i", await context.asset(overlay)],
  }));
}

export function even(n: number): number {
  return Math.max(2, Math.round(n / 2) * 2);
}
