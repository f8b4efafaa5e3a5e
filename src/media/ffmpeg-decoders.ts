import { UnscannableError } from "../errors.js";

/**
 * The formats of pictures that are decoded, by ffmpeg's names, each with its decoders: what platforms, cameras and the programs people cut
 * videos with make. ffmpeg has some 200 more, of old games and screen recorders, which nobody has read for years but those who look for
 * holes. Sound and subtitles are not decoded at all.
 */
const DECODERS: Record<string, string[]> = {
  h264: ["h264", "libopenh264"],
  hevc: ["hevc"],
  av1: ["libdav1d", "libaom-av1", "av1"],
  vp8: ["vp8", "libvpx"],
  vp9: ["vp9", "libvpx-vp9"],
  ...own("vp3", "vp5", "vp6", "vp6a", "vp6f", "vp7", "theora"),
  ...own("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4v2", "h261", "h263", "h263i", "h263p"),
  msmpeg4v3: ["msmpeg4"],
  flv1: ["flv"],
  ...own("wmv1", "wmv2", "wmv3", "wmv3image", "vc1", "rv10", "rv20", "rv30", "rv40", "svq1", "svq3", "dvvideo"),
  ...own("mjpeg", "mjpegb", "prores", "dnxhd", "cfhd", "qtrle", "rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv"),
  ...own("gif", "apng", "png", "bmp", "tiff", "webp"),
  jpegxl: ["libjxl"],
  jpeg2000: ["jpeg2000", "libopenjpeg"],
};

function own(...names: string[]): Record<string, string[]> {
  return Object.fromEntries(names.map((name) => [name, [name]]));
}

/** For ffmpeg's `-codec_whitelist`. */
export const DECODER_LIST = [...new Set(Object.values(DECODERS).flat())].join(",");

/** @throws UnscannableError if pictures in this format (ffmpeg's name) are not decoded. */
export function refuseOtherCodecs(codec: string): void {
  if (Object.hasOwn(DECODERS, codec)) return;
  throw new UnscannableError(
    `the pictures are in the format ${codec || "unknown"}, which is not among those that are decoded here`,
  );
}
