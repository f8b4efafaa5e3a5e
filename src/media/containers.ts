import { open } from "node:fs/promises";
import { fileTypeFromFile } from "file-type";
import { UnscannableError } from "../errors.js";
import type { MediaKind, Probe } from "../model.js";

/**
 * The reader a file is given to. With `demuxer`, ffmpeg is told which one to use and guesses nothing from the name. A sequence is a moving
 * AVIF, in which a still comes before the pictures.
 */
export type Container =
  | { reader: "sharp"; format: string }
  | { reader: "ffmpeg"; kind: MediaKind; demuxer?: string; isSequence?: boolean };

/**
 * What ffmpeg may open. Left out on purpose: everything that names other files or devices (hls, dash, concat, image2,
 * sdp, imf, vobsub, lavfi), text art, and formats that any bytes pass for.
 */
export const DEMUXERS = [
  "mov,matroska,avi,flv,live_flv,mpegts,mpeg,mpegvideo,ogg,asf,gif,apng,h264,hevc,m4v,obu,ivf,rm,mxf,dv,nut,wtv,mjpeg,vc1",
  "mp3,aac,flac,wav,aiff,amr,ac3,ape,wv,caf,bmp_pipe,jpegxl_pipe,j2k_pipe",
].join(",");

const SHARP = new Set(["jpg", "png", "webp", "gif", "tif", "avif", "heic"]);

const STILL_DEMUXER: Record<string, string> = { bmp: "bmp_pipe", jxl: "jpegxl_pipe", jp2: "j2k_pipe", j2c: "j2k_pipe" };

const DEMUXER: Record<string, string> = {
  apng: "apng",
  ...Object.fromEntries(
    ["mp4", "m4v", "mov", "3gp", "3g2", "f4v", "f4p", "m4p", "m4a", "m4b", "f4a", "f4b"].map((e) => [e, "mov"]),
  ),
  ...Object.fromEntries(["ogv", "ogm", "ogx", "ogg", "oga", "opus", "spx"].map((e) => [e, "ogg"])),
  mkv: "matroska",
  webm: "matroska",
  avi: "avi",
  flv: "flv",
  mts: "mpegts",
  asf: "asf",
  mxf: "mxf",
  rm: "rm",
};

/** Known to ffmpeg under several demuxers: it may choose among {@link DEMUXERS}. */
const GUESSED = new Set(["mpg", "mp1", "mp2", "mp3", "aac", "flac", "wav", "aif", "amr", "ac3", "ape", "wv"]);

const HEAD_BYTES = 4096;

/** libvips takes a file for a drawing only if so many bytes at its start are ASCII (`vips_foreign_load_svg_is_a`). */
const TEXT_BYTES = 24;

/**
 * Judges a file by its bytes, never by its name.
 *
 * @throws UnscannableError if it is empty, a drawing (SVG), or something that holds no pictures.
 */
export async function sniff(path: string): Promise<Container> {
  const head = await firstBytes(path);
  if (head.length === 0) throw new UnscannableError("the file is empty");
  const text = head.toString("latin1");
  if (head.subarray(0, TEXT_BYTES).every((byte) => byte < 128) && /<svg[\s>]/i.test(text))
    throw new UnscannableError("the file is an SVG drawing, which is never opened: it may load other files");
  const type = await typeOf(path);
  if (!type || type.ext === "xml") {
    if (/^\W{0,4}(#EXTM3U|ffconcat |<MPD|<\?xml)/.test(text)) {
      throw new UnscannableError("the file is a list of other files and holds no picture itself");
    }
    return { reader: "ffmpeg", kind: "video" };
  }
  const { ext } = type;
  if (ext === "avif" && brandsIn(head).includes("avis"))
    return { reader: "ffmpeg", kind: "video", demuxer: "mov", isSequence: true };
  if (SHARP.has(ext)) return { reader: "sharp", format: ext };
  if (STILL_DEMUXER[ext]) return { reader: "ffmpeg", kind: "image", demuxer: STILL_DEMUXER[ext] };
  if (DEMUXER[ext]) return { reader: "ffmpeg", kind: "video", demuxer: DEMUXER[ext] };
  if (GUESSED.has(ext)) return { reader: "ffmpeg", kind: "video" };
  const isMedia = /^(image|video)\//.test(type.mime);
  throw new UnscannableError(
    isMedia
      ? `files of type ${ext} cannot be read here: convert it to JPEG or MP4`
      : `the file is of type ${ext}, which is neither an image nor a video`,
  );
}

/** What a file says it is; undefined when it does not, or breaks off while it says so: file-type throws errors of its own then. */
const typeOf = (path: string): Promise<{ ext: string; mime: string } | undefined> =>
  fileTypeFromFile(path).catch(() => undefined);

/** The major brand of an ISO base media file and those it is compatible with. */
function brandsIn(head: Buffer): string[] {
  const end = Math.min(head.length, head.readUInt32BE(0));
  return Array.from({ length: Math.max(0, Math.floor((end - 8) / 4)) }, (_, i) => head.toString("latin1", 8 + 4 * i, 12 + 4 * i));
}

/** ffmpeg's input options for `Probe.format`, which is a demuxer's name for everything that ffmpeg reads. */
export function demuxerOptions(format: string): string[] {
  return DEMUXERS.split(",").includes(format) ? ["-f", format] : [];
}

/** ffmpeg's output options for the stream that is shown. */
export const shownStream = ({ stream }: Pick<Probe, "stream">): string[] => [
  "-map",
  stream === undefined ? "0:V:0" : `0:${stream}`,
];

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
