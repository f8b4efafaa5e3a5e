import { type Attack, span, workingPicture, X264 } from "./recipe.js";

/** One frame of a known video, sent as an image. */
function screenshot(share: number): Attack {
  return {
    name: `screenshot-at-${share * 100}-percent`,
    group: "cross",
    appliesTo: ["video"],
    async make(context) {
      // Of a video of a few pictures, the last one begins well before the end.
      const lastMs = context.clipMs - 1_500 / (context.known.framesPerSecond || 25);
      const atMs = Math.max(0, Math.min(context.clipMs * share, lastMs));
      return {
        inputs: ["-ss", String(atMs / 1000), "-i", context.known.path],
        filter: `${workingPicture(context)};[v]null[out]`,
        encode: ["-frames:v", "1", "-q:v", "4"],
        extension: ".jpg",
        kind: "image",
        durationMs: 0,
        truth: [span(context, 0, 0, atMs)],
      };
    },
  };
}

const HELD_MS = 10_000;

/** A known image, held for ten seconds as a video. */
const heldImage: Attack = {
  name: "image-held-as-video",
  group: "cross",
  appliesTo: ["image"],
  async make(context) {
    return {
      inputs: ["-loop", "1", "-framerate", "25", "-t", "10", "-i", context.known.path],
      filter: `${workingPicture(context)};[v]null[out]`,
      encode: [...X264, "-crf", "26"],
      extension: ".mp4",
      kind: "video",
      durationMs: HELD_MS,
      truth: [span(context, 0, HELD_MS, 0, 0)],
    };
  },
};

/** A known of one kind, sent as the other. */
export const crossAttacks: Attack[] = [screenshot(0.23), screenshot(0.5), screenshot(0.77), heldImage];
