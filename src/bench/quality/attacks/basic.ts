import { type Attack, BOTH, chainAttack, knownInput, overlayAttack, pictureAttack, span, X264 } from "./recipe.js";

const SEPIA = "colorchannelmixer=.393:.769:.189:0:.349:.686:.168:0:.272:.534:.131";
const VIDEO = { appliesTo: ["video"] as const };
const SMALL = (longSide: number) => `scale='if(gt(iw,ih),-2,${longSide})':'if(gt(iw,ih),${longSide},-2)'`;

/** Copies the stream into another container; what cannot be copied everywhere (GIF, packed AVI) is encoded almost without loss. */
const containerChange: Attack = {
  name: "container-change",
  group: "basic",
  appliesTo: ["video"],
  async make(context) {
    const encoded = /\.(gif|avi)$/i.test(context.known.path);
    return {
      inputs: knownInput(context),
      filter: encoded ? "[0:v]pad=ceil(iw/2)*2:ceil(ih/2)*2[out]" : undefined,
      encode: encoded ? [...X264, "-crf", "12"] : ["-c:v", "copy"],
      extension: /\.mkv$/i.test(context.known.path) ? ".mp4" : ".mkv",
      kind: "video",
      durationMs: context.clipMs,
      truth: [span(context, 0, context.clipMs, 0)],
    };
  },
};

const emojiOver: Attack = overlayAttack("emoji-15-percent", "basic", "emoji");

/** Another encoding, size, frame rate, colour or sharpness, or something laid over a part of the picture. */
export const basicAttacks: Attack[] = [
  chainAttack("x264-crf-40", "basic", "null", { ...VIDEO, encode: [...X264, "-crf", "40"] }),
  chainAttack("vp9", "basic", "null", {
    ...VIDEO,
    encode: ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "40", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "0"],
    extension: ".webm",
  }),
  chainAttack("mpeg4", "basic", "null", { ...VIDEO, encode: ["-c:v", "mpeg4", "-q:v", "9"], extension: ".avi" }),
  chainAttack("jpeg-low", "basic", "null", { appliesTo: ["image"], imageEncode: ["-q:v", "24"] }),
  chainAttack("webp-low", "basic", "null", {
    appliesTo: ["image"],
    imageEncode: ["-c:v", "libwebp", "-quality", "15"],
    imageExtension: ".webp",
  }),
  chainAttack("png", "basic", "null", { appliesTo: ["image"], imageEncode: [], imageExtension: ".png" }),
  chainAttack("size-240p", "basic", SMALL(240)),
  chainAttack("thumbnail-96p", "basic", SMALL(96), { appliesTo: ["image"] }),
  chainAttack("messenger-360p", "basic", SMALL(360), {
    encode: [...X264, "-profile:v", "baseline", "-b:v", "180k", "-maxrate", "180k", "-bufsize", "360k"],
    imageEncode: ["-q:v", "14"],
  }),
  containerChange,
  chainAttack("fps-10", "basic", "fps=10", VIDEO),
  chainAttack("fps-60", "basic", "fps=60", VIDEO),
  overlayAttack("logo", "basic", "logo"),
  overlayAttack("watermark-across", "basic", "watermark"),
  overlayAttack("caption-bar", "basic", "captionBar"),
  overlayAttack("subtitles", "basic", "subtitles"),
  emojiOver,
  chainAttack("grain", "basic", "noise=alls=28:allf=t:all_seed=11"),
  chainAttack("blur", "basic", "gblur=sigma=3"),
  chainAttack("sharpen", "basic", "unsharp=7:7:2.5:7:7:0"),
  chainAttack("grayscale", "basic", "hue=s=0"),
  chainAttack("sepia", "basic", `format=rgb24,${SEPIA},format=yuv420p`),
  chainAttack("brightness-up", "basic", "eq=brightness=0.18"),
  chainAttack("brightness-down", "basic", "eq=brightness=-0.18"),
  chainAttack("contrast-up", "basic", "eq=contrast=1.6"),
  chainAttack("contrast-down", "basic", "eq=contrast=0.55"),
  chainAttack("gamma-0.6", "basic", "eq=gamma=0.6"),
  chainAttack("gamma-1.7", "basic", "eq=gamma=1.7"),
  chainAttack("hue-90", "basic", "hue=h=90"),
  chainAttack("colours-inverted", "basic", "negate", { appliesTo: BOTH }),
  pictureAttack("saturated-and-vignetted", "basic", () => ({ filter: "[v]hue=s=1.8,vignette=PI/5[out]" })),
];
