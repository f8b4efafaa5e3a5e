import { type Attack, type AttackContext, chainAttack, even, pictureAttack } from "./recipe.js";

const BAR_SHARE = 1 / 6;

type Axis = "letterbox" | "pillarbox";

function barred(axis: Axis, { width, height }: AttackContext): { width: number; height: number } {
  return axis === "letterbox"
    ? { width, height: even(height / (1 - 2 * BAR_SHARE)) }
    : { width: even(width / (1 - 2 * BAR_SHARE)), height };
}

function plainBars(axis: Axis, colourName: string, colour: string): Attack {
  return pictureAttack(`${axis}-${colourName}`, "bars", (context) => {
    const { width, height } = barred(axis, context);
    return { filter: `[v]pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2:${colour}[out]` };
  });
}

function noisyBars(axis: Axis): Attack {
  return pictureAttack(`${axis}-noisy`, "bars", (context) => {
    const { width, height } = barred(axis, context);
    const seconds = Math.max(1, context.clipMs / 1000);
    const rate = context.known.framesPerSecond || 1;
    const bars = `color=c=0x606060:s=${width}x${height}:r=${rate}:d=${seconds},noise=alls=60:allf=t:all_seed=5[bars]`;
    return { filter: `${bars};[bars][v]overlay=(W-w)/2:(H-h)/2:shortest=1,format=yuv420p[out]` };
  });
}

/** 9:16 with a blurred copy behind it; a portrait clip becomes 16:9 the same way. */
function blurredBackground({ width, height }: AttackContext): string {
  const [w, h] = width > height ? [270, 480] : [480, 270];
  return `[v]split[a][b];[a]scale=${w}:${h}:force_original_aspect_ratio=increase,crop=${w}:${h},gblur=sigma=18[back];
    [b]scale=${w}:${h}:force_original_aspect_ratio=decrease:force_divisible_by=2[front];[back][front]overlay=(W-w)/2:(H-h)/2,format=yuv420p[out]`;
}

const captionAbove = pictureAttack("caption-above", "bars", async (context) => {
  const band = even(context.height * 0.22);
  return {
    filter: `[1:v]format=yuv420p,setsar=1[band];[v]pad=iw:ih+${band}:0:${band}[tall];[tall][band]overlay=0:0[out]`,
    inputs: ["-i", await context.asset("captionAbove", context.width, band)],
  };
});

/** Keeps the middle `1 - share` of width and height, or another place given as shares of what is cut off. */
function crop(share: number, x = 0.5, y = 0.5): string {
  const keep = 1 - share;
  return `crop=trunc(iw*${keep}/2)*2:trunc(ih*${keep}/2)*2:(iw-ow)*${x}:(ih-oh)*${y}`;
}

const mirrored: Attack[] = [
  chainAttack("mirror", "orientation", "hflip"),
  chainAttack("flip-vertical", "orientation", "vflip"),
  chainAttack("rotate-90", "orientation", "transpose=1"),
  chainAttack("rotate-180", "orientation", "hflip,vflip"),
  chainAttack("rotate-270", "orientation", "transpose=2"),
  chainAttack("rotate-3-black-corners", "rotate-3", "rotate=3*PI/180:c=black"),
  chainAttack("rotate-3-zoomed", "rotate-3", "rotate=-3*PI/180:c=black,crop=trunc(iw*0.9/2)*2:trunc(ih*0.9/2)*2"),
];

/**
 * The picture is moved, framed, cut or turned. "crop-20" takes away 20 % of width and of height in all, 10 % at each side,
 * which Thorn's perception calls 10 %; "crop-20-each-side" is what it calls 20 %.
 */
export const geometryAttacks: Attack[] = [
  plainBars("letterbox", "black", "black"),
  plainBars("letterbox", "grey", "0x808080"),
  noisyBars("letterbox"),
  plainBars("pillarbox", "black", "black"),
  plainBars("pillarbox", "grey", "0x808080"),
  noisyBars("pillarbox"),
  pictureAttack("blurred-background", "bars", (context) => ({ filter: blurredBackground(context) })),
  chainAttack("pad-20", "bars", "pad=ceil(iw*1.4/2)*2:ceil(ih*1.4/2)*2:(ow-iw)/2:(oh-ih)/2:black"),
  chainAttack("border-coloured", "bars", "pad=ceil(iw*1.12/2)*2:ceil(ih*1.12/2)*2:(ow-iw)/2:(oh-ih)/2:0xe0218a"),
  captionAbove,
  chainAttack("crop-5", "crop-small", crop(0.05)),
  chainAttack("crop-10", "crop-small", crop(0.1)),
  chainAttack("crop-10-off-centre", "crop-small", crop(0.1, 1, 0)),
  chainAttack("crop-20", "crop-20", crop(0.2)),
  chainAttack("crop-20-off-centre", "crop-20", crop(0.2, 0, 1)),
  chainAttack("crop-30", "crop-30", crop(0.3)),
  chainAttack("crop-30-off-centre", "crop-30", crop(0.3, 0.2, 0.9)),
  chainAttack("crop-20-each-side", "crop-deep", crop(0.4)),
  chainAttack("crop-30-each-side", "crop-deep", crop(0.6)),
  ...mirrored,
];
