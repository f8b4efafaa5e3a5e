import { type Attack, type AttackContext, knownInput, type Recipe, span, workingPicture, X264 } from "./recipe.js";

const ENCODE = [...X264, "-crf", "26"];
const RATE = 25;
const REVERSE_AT_MOST_MS = 20_000;

/** A video attack described by the rest of its filter graph, its length and its truth. */
function timeAttack(name: string, group: Attack["group"], describe: (context: AttackContext) => Partial<Recipe>): Attack {
  return {
    name,
    group,
    appliesTo: ["video"],
    async make(context) {
      const part = describe(context);
      return {
        encode: ENCODE,
        extension: ".mp4",
        kind: "video",
        durationMs: context.clipMs,
        truth: [],
        ...part,
        inputs: [...knownInput(context), ...(part.inputs ?? [])],
        filter: `${workingPicture(context)};[v]fps=${RATE}[f];${part.filter}`,
      };
    },
  };
}

function keepSpan(name: string, from: number, to: number): Attack {
  return timeAttack(name, "excerpt", (context) => {
    const [fromMs, toMs] = [from * context.clipMs, to * context.clipMs];
    return {
      filter: `[f]trim=${fromMs / 1000}:${toMs / 1000},setpts=PTS-STARTPTS[out]`,
      durationMs: toMs - fromMs,
      truth: [span(context, 0, toMs - fromMs, fromMs)],
    };
  });
}

const everyOtherSecond = timeAttack("every-other-second-removed", "excerpt", (context) => {
  const kept = Math.ceil(context.clipMs / 2000);
  const lengths = Array.from({ length: kept }, (_, i) => Math.min(1000, context.clipMs - i * 2000));
  return {
    filter: `[f]select='lt(mod(n,${2 * RATE}),${RATE})',setpts=N/${RATE}/TB[out]`,
    durationMs: lengths.reduce((a, b) => a + b, 0),
    truth: lengths.map((lengthMs, i) => span(context, i * 1000, i * 1000 + lengthMs, i * 2000)),
  };
});

const blackIntroOutro = timeAttack("intro-outro-black", "excerpt", (context) => ({
  filter: "[f]tpad=start_duration=2:stop_duration=2:color=black[out]",
  durationMs: context.clipMs + 4000,
  truth: [span(context, 2000, 2000 + context.clipMs, 0)],
}));

/** Another file's picture, from input 1, cut to fill the working size. */
function filling({ width, height }: AttackContext): string {
  return `[1:v]fps=${RATE},scale=${width}:${height}:force_original_aspect_ratio=increase,crop=${width}:${height},setsar=1,format=yuv420p`;
}

const innocentIntroOutro = timeAttack("intro-outro-innocent", "excerpt", (context) => ({
  inputs: ["-stream_loop", "-1", "-t", "6", "-i", context.innocentVideo],
  filter: `${filling(context)},split[x][y];[x]trim=0:3,setpts=PTS-STARTPTS[intro];[y]trim=3:6,setpts=PTS-STARTPTS[outro];
    [intro][f][outro]concat=n=3[out]`,
  durationMs: context.clipMs + 6000,
  truth: [span(context, 3000, 3000 + context.clipMs, 0)],
}));

/** The first half of one known (all of it when short), then the same of another from its middle, letterboxed into the first one's size. */
const spliced = timeAttack("two-knowns-spliced", "excerpt", (context) => {
  const { second, width, height } = context;
  const firstMs = context.clipMs < 6000 ? context.clipMs : Math.min(context.clipMs / 2, 10_000);
  const secondFromMs = second.durationMs < 6000 ? 0 : second.durationMs / 2;
  const secondMs = Math.min(second.durationMs - secondFromMs, 10_000);
  return {
    inputs: ["-t", String((secondFromMs + secondMs) / 1000), "-i", second.path],
    filter: `[f]trim=0:${firstMs / 1000}[a];[1:v]fps=${RATE},trim=start=${secondFromMs / 1000},setpts=PTS-STARTPTS,
      scale=${width}:${height}:force_original_aspect_ratio=decrease,pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p[b];[a][b]concat=n=2[out]`,
    durationMs: firstMs + secondMs,
    truth: [
      span(context, 0, firstMs, 0),
      { caseId: second.caseId, fromMs: firstMs, toMs: firstMs + secondMs, knownFromMs: secondFromMs, speed: 1 },
    ],
  };
});

const interleaved = timeAttack("frames-interleaved-with-innocent", "excerpt", (context) => ({
  inputs: ["-stream_loop", "-1", "-t", String(context.clipMs / 1000), "-i", context.innocentVideo],
  filter: `[f]select='not(mod(n,2))'[a];${filling(context)},select='mod(n,2)'[b];[a][b]interleave=duration=shortest[out]`,
  truth: [span(context, 0, context.clipMs, 0)],
}));

function speed(factor: number): Attack {
  return timeAttack(`speed-${factor}`, "time", (context) => ({
    filter: `[f]setpts=PTS/${factor},fps=${RATE}[out]`,
    durationMs: context.clipMs / factor,
    truth: [span(context, 0, context.clipMs / factor, 0, factor)],
  }));
}

const reversed = timeAttack("reversed", "time", (context) => {
  const ms = Math.min(context.clipMs, REVERSE_AT_MOST_MS);
  return { filter: `[f]trim=0:${ms / 1000},reverse[out]`, durationMs: ms, truth: [span(context, 0, ms, ms, -1)] };
});

const slideshow = timeAttack("slideshow-of-stills", "time", (context) => {
  const everyFrames = Math.max(1, Math.round((Math.min(2000, context.clipMs / 4) / 1000) * RATE));
  return {
    filter: `[f]select='not(mod(n,${everyFrames}))',tpad=stop_mode=clone:stop_duration=${everyFrames / RATE},fps=${RATE},trim=0:${context.clipMs / 1000}[out]`,
    truth: [span(context, 0, context.clipMs, 0)],
  };
});

const gif = timeAttack("gif", "time", (context) => {
  const ms = Math.min(context.clipMs, 15_000);
  return {
    filter: `[f]trim=0:${ms / 1000},fps=8,scale='min(iw,240)':-2,split[p][q];[p]palettegen=max_colors=64[palette];[q][palette]paletteuse=dither=bayer[out]`,
    encode: ["-c:v", "gif", "-loop", "0"],
    extension: ".gif",
    durationMs: ms,
    truth: [span(context, 0, ms, 0)],
  };
});

/** What is shown when changes; the picture itself is left alone. */
export const timelineAttacks: Attack[] = [
  keepSpan("trimmed-both-ends", 0.2, 0.8),
  keepSpan("middle-third", 1 / 3, 2 / 3),
  everyOtherSecond,
  blackIntroOutro,
  innocentIntroOutro,
  spliced,
  interleaved,
  ...[0.5, 0.75, 1.25, 1.5, 2].map(speed),
  reversed,
  slideshow,
  gif,
];
