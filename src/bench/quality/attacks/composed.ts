import {
  type Attack,
  type AttackContext,
  even,
  type Graph,
  knownInput,
  pictureAttack,
  span,
  workingPicture,
  X264,
} from "./recipe.js";

/** A still innocent picture or a moving innocent video as `[back]`, filling the working size. Comes from input 1. */
function background(context: AttackContext, moving: boolean): { filter: string; inputs: string[] } {
  const { width, height, clipMs } = context;
  const seconds = Math.max(1, clipMs / 1000);
  const fill = `scale=${width}:${height}:force_original_aspect_ratio=increase,crop=${width}:${height},setsar=1,format=yuv420p`;
  if (moving)
    return { filter: `[1:v]${fill}[back]`, inputs: ["-stream_loop", "-1", "-t", String(seconds), "-i", context.innocentVideo] };
  const rate = context.known.framesPerSecond || 1;
  return {
    filter: `[1:v]${fill}[back]`,
    inputs: ["-loop", "1", "-framerate", String(rate), "-t", String(seconds), "-i", context.innocentImage],
  };
}

function inset(share: number, moving: boolean, x: number, y: number): Attack {
  return pictureAttack(
    `picture-in-picture-${share * 100}-${moving ? "moving" : "still"}`,
    share >= 0.7 ? "inset-70" : "inset-50",
    (context) => {
      const { filter, inputs } = background(context, moving);
      const size = `${even(context.width * share)}:${even(context.height * share)}`;
      return {
        filter: `${filter};[v]scale=${size}[small];[back][small]overlay=W*${x}:H*${y}:shortest=1,format=yuv420p[out]`,
        inputs,
      };
    },
    { appliesTo: moving ? ["video"] : ["video", "image"] },
  );
}

/** Left the known, right somebody watching it. */
const sideBySide = pictureAttack("side-by-side", "inset-50", (context) => {
  const moving = context.known.kind === "video";
  const { filter, inputs } = background(context, moving);
  return { filter: `${filter};[v][back]hstack=shortest=1[out]`, inputs };
});

interface Tilt {
  name: string;
  /** Where the corners of the screen land, as shares of the picture: upper left, upper right, lower left, lower right. */
  corners: [number, number, number, number, number, number, number, number];
  noise: number;
}

/** A phone filming a screen: dark surround, perspective, moiré, noise, a little blur, washed-out colours. */
function screenRecording({ name, corners, noise }: Tilt): Attack {
  return pictureAttack(name, "combined", async (context) => {
    const [w, h] = [even(context.width * 1.16), even(context.height * 1.16)];
    const [x0, y0, x1, y1, x2, y2, x3, y3] = corners.map((share, i) => Math.round(share * (i % 2 === 0 ? w : h)));
    const film = `eq=gamma=1.2:contrast=0.9:saturation=0.8,pad=${w}:${h}:(ow-iw)/2:(oh-ih)/2:0x181818`;
    const tilt = `perspective=${x0}:${y0}:${x1}:${y1}:${x2}:${y2}:${x3}:${y3}:sense=destination`;
    return {
      filter: `[v]${film},${tilt}[tilted];[tilted][1:v]overlay=0:0,gblur=sigma=0.8,noise=alls=${noise}:allf=t:all_seed=3,format=yuv420p[out]`,
      inputs: ["-i", await context.asset("moire", w, h)],
    };
  });
}

/** A window among others on a computer's screen, recorded by software. */
const desktopRecording = pictureAttack("desktop-recording", "inset-70", async (context) => {
  const [w, h] = [even(context.width * 1.28), even(context.height * 1.22)];
  return {
    filter: `[1:v]format=yuv420p,setsar=1[desk];[desk][v]overlay=W*0.03:H*0.09,format=yuv420p[out]`,
    inputs: ["-i", await context.asset("desktop", w, h)],
  };
});

function combination(name: string, graph: (context: AttackContext) => Graph | Promise<Graph>, encode?: string[]): Attack {
  return pictureAttack(name, "combined", graph, { encode, imageEncode: encode ? ["-q:v", "18"] : undefined });
}

const CROP_10 = "crop=trunc(iw*0.9/2)*2:trunc(ih*0.9/2)*2";
const LETTERBOX = "pad=iw:ceil(ih*1.4/2)*2:0:(oh-ih)/2:black";

const letterboxLogoSpeed: Attack = {
  name: "letterbox+logo+speed-1.1",
  group: "combined",
  appliesTo: ["video"],
  async make(context) {
    const durationMs = context.clipMs / 1.1;
    return {
      inputs: [...knownInput(context), "-i", await context.asset("logo")],
      filter: `${workingPicture(context)};[v][1:v]overlay=0:0,${LETTERBOX},setpts=PTS/1.1,fps=25,format=yuv420p[out]`,
      encode: [...X264, "-crf", "28"],
      extension: ".mp4",
      kind: "video",
      durationMs,
      truth: [span(context, 0, durationMs, 0, 1.1)],
    };
  },
};

const trimMirrorSpeed: Attack = {
  name: "trim+mirror+speed-0.9",
  group: "combined",
  appliesTo: ["video"],
  async make(context) {
    const [fromMs, toMs] = [context.clipMs * 0.2, context.clipMs * 0.9];
    const durationMs = (toMs - fromMs) / 0.9;
    return {
      inputs: knownInput(context),
      filter: `${workingPicture(context)};[v]fps=25,trim=${fromMs / 1000}:${toMs / 1000},setpts=(PTS-STARTPTS)/0.9,fps=25,hflip[out]`,
      encode: [...X264, "-crf", "28"],
      extension: ".mp4",
      kind: "video",
      durationMs,
      truth: [span(context, 0, durationMs, fromMs, 0.9)],
    };
  },
};

const combinations: Attack[] = [
  combination("mirror+crop-10+reencode", () => ({ filter: `[v]hflip,${CROP_10}[out]` }), [...X264, "-crf", "38"]),
  letterboxLogoSpeed,
  trimMirrorSpeed,
  combination("crop-10+caption+grayscale", async (context) => ({
    filter: `[v]${CROP_10},scale=${context.width}:${context.height}[c];[c][1:v]overlay=0:0,hue=s=0,format=yuv420p[out]`,
    inputs: ["-i", await context.asset("captionBar")],
  })),
  combination("pillarbox+grain+gamma", () => ({
    filter: "[v]eq=gamma=1.5,noise=alls=20:allf=t:all_seed=9,pad=ceil(iw*1.4/2)*2:ih:(ow-iw)/2:0:0x202020[out]",
  })),
  combination("rotate-90+border+blur", () => ({
    filter: "[v]transpose=1,gblur=sigma=1.5,pad=ceil(iw*1.1/2)*2:ceil(ih*1.1/2)*2:(ow-iw)/2:(oh-ih)/2:0xffffff[out]",
  })),
  combination("mirror+subtitles+hue", async (context) => ({
    filter: "[v]hflip,hue=h=60[m];[m][1:v]overlay=0:0,format=yuv420p[out]",
    inputs: ["-i", await context.asset("subtitles")],
  })),
  combination("crop-10+emoji+contrast", async (context) => ({
    filter: `[v]${CROP_10},eq=contrast=1.3,scale=${context.width}:${context.height}[c];[c][1:v]overlay=0:0,format=yuv420p[out]`,
    inputs: ["-i", await context.asset("emoji")],
  })),
];

/** The known is only a part of what is seen, or several changes come together. */
export const composedAttacks: Attack[] = [
  inset(0.7, false, 0.25, 0.08),
  inset(0.7, true, 0.25, 0.08),
  desktopRecording,
  inset(0.5, false, 0.42, 0.4),
  inset(0.5, true, 0.42, 0.4),
  sideBySide,
  screenRecording({ name: "screen-recording", corners: [0.03, 0.03, 0.98, 0, 0.01, 0.98, 0.95, 1], noise: 10 }),
  screenRecording({ name: "screen-recording-tilted", corners: [0.1, 0.06, 0.97, 0, 0.06, 0.95, 0.93, 1], noise: 16 }),
  ...combinations,
];
