import { readFile } from "node:fs/promises";
import { type BadInput, either, found, grouped, type Rows } from "./bad-media.js";
import { clip, fromClip, H264, type Kitchen, PHOTO } from "./bad-media-kitchen.js";

const VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "800k"];
const AV1 = ["-c:v", "libsvtav1", "-preset", "10", "-crf", "28"];
const HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"];
const TEN_BITS = ["-pix_fmt", "yuv420p10le"];
const BT2020 = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"];
/** What is white becomes 203 cd/m², as ITU-R BT.2408 has it for graphics. */
const TO_PQ = "zscale=tin=bt709:pin=bt709:min=bt709:rin=tv:t=smpte2084:p=bt2020:m=bt2020nc:r=tv:npl=203,format=yuv420p10le";
const TO_HLG = "zscale=tin=bt709:pin=bt709:min=bt709:rin=tv:t=arib-std-b67:p=bt2020:m=bt2020nc:r=tv,format=yuv420p10le";

const depths: Rows = [
  ["hevc of 10 bits in PQ", found(), fromClip("pq.mp4", "-vf", TO_PQ, ...HEVC, ...TEN_BITS, ...BT2020)],
  ["av1 of 10 bits in PQ", found(), fromClip("pq-av1.mp4", "-vf", TO_PQ, ...AV1, ...TEN_BITS, ...BT2020)],
  ["vp9 of 10 bits in HLG", found(), fromClip("hlg.webm", "-vf", TO_HLG, ...VP9, "-profile:v", "2", ...TEN_BITS)],
  ["h264 of 10 bits", found(16), fromClip("h264-10.mp4", "-c:v", "libx264", "-preset", "veryfast", ...TEN_BITS)],
  ["h264 of 4:4:4", found(16), fromClip("h264-444.mp4", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv444p")],
  ["h264 in red, green and blue", found(16), fromClip("h264-rgb.mkv", "-c:v", "libx264rgb", "-preset", "veryfast", "-crf", "20")],
  ["h264 in grey", found(16), fromClip("h264-grey.mp4", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "gray")],
  [
    "h264 of full range",
    found(16),
    fromClip("h264-full.mp4", "-c:v", "libx264", "-preset", "veryfast", "-vf", "scale=out_range=full", "-color_range", "pc"),
  ],
  [
    "prores 4444 with alpha",
    found(16),
    fromClip("4444.mov", "-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"),
  ],
  ["qtrle with alpha", found(16), fromClip("qtrle.mov", "-r", "5", "-c:v", "qtrle", "-pix_fmt", "argb")],
  ["vp9 with alpha", found(16), fromClip("alpha.webm", ...VP9, "-pix_fmt", "yuva420p", "-auto-alt-ref", "0")],
  ["png in mov", found(16), fromClip("png.mov", "-r", "5", "-c:v", "png", "-pix_fmt", "rgba")],
  ["ffv1 of 16 bits", found(16), fromClip("ffv1.mkv", "-r", "5", "-c:v", "ffv1", "-pix_fmt", "gray16le")],
  [
    "gif of four colours",
    found(),
    fromClip("few.gif", "-r", "5", "-vf", "split[a][b];[a]palettegen=max_colors=8[p];[b][p]paletteuse"),
  ],
];

const shapes: Rows = [
  ["turned by 90 degrees", found(16), turned("90", "-display_rotation", "90")],
  ["turned by 180 degrees", found(16), turned("180", "-display_rotation", "180")],
  ["turned by 270 degrees", found(16), turned("270", "-display_rotation", "270")],
  ["mirrored by a matrix", found(16), turned("hflip", "-display_hflip")],
  ["turned by 33 degrees", either, turned("33", "-display_rotation", "33")],
  [
    "interlaced h264",
    found(),
    fromClip("tff.mp4", "-vf", "tinterlace=interleave_top", "-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1"),
  ],
  [
    "interlaced mpeg-2",
    found(),
    fromClip("interlaced.mpg", "-c:v", "mpeg2video", "-q:v", "4", "-flags", "+ildct+ilme", "-top", "1"),
  ],
  ["pixels that are not square", found(16), fromClip("sar.mkv", "-vf", "scale=160:240,setsar=2", ...H264)],
  ["another size in mid-stream", found(), (kitchen) => joined(kitchen, "size.ts", "320x240", "160x120")],
  ["another shape in mid-stream", found(), (kitchen) => joined(kitchen, "shape.ts", "320x240", "240x320")],
  ["64x2 pixels", either, (kitchen) => kitchen.ffmpeg("64x2.mkv", "-f", "lavfi", "-i", "testsrc=s=64x2:d=1", "-c:v", "ffv1")],
  [
    "2x2 pixels",
    either,
    (kitchen) => kitchen.ffmpeg("2x2.mp4", "-f", "lavfi", "-i", "testsrc=s=16x16:d=1", "-vf", "scale=2:2", ...H264),
  ],
  ["317x239 pixels", found(), fromClip("odd.mkv", "-vf", "scale=317:239", "-c:v", "ffv1", "-pix_fmt", "yuv444p", "-r", "5")],
];

const clocks: Rows = [
  [
    "begins before zero",
    found(),
    fromClip("before.mkv", "-c", "copy", "-output_ts_offset", "-5", "-avoid_negative_ts", "disabled"),
  ],
  ["begins after a day", found(), fromClip("day.mkv", "-c", "copy", "-output_ts_offset", "90000")],
  ["mpeg-ts whose clock starts again", found(), fromClip("wrap.ts", "-c", "copy", "-output_ts_offset", "95442")],
  [
    "sixteen b-frames",
    found(16),
    fromClip("b.mp4", "-c:v", "libx264", "-bf", "16", "-b_strategy", "0", "-x264-params", "b-pyramid=normal:ref=8"),
  ],
  ["an edit list", found(), editList],
  ["one picture a second", found(), fromClip("1fps.mp4", "-r", "1", ...H264)],
  ["one picture in 3 s", found(), fromClip("1-in-3.mp4", "-r", "1/3", ...H264)],
  ["240 pictures a second", found(16), fromClip("240.mp4", "-r", "240", ...H264)],
  ["one picture", found(), fromClip("one.mp4", "-frames:v", "1", ...H264)],
  ["uneven pictures", found(), fromClip("vfr.mkv", "-vf", "select='mod(n,7)*mod(n,3)'", "-fps_mode", "passthrough", ...H264)],
  ["pictures that no other refers to", found(), fromClip("intra.avi", "-c:v", "mjpeg", "-q:v", "3")],
  ["a long stretch without a keyframe", found(), fromClip("gop.mp4", ...H264, "-g", "9999", "-sc_threshold", "0")],
  ["begins in mid-stream", found(), midStream],
  ["raw h264", found(), fromClip("raw.h264", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264")],
];

const streams: Rows = [
  ["two videos, the known one first", found(), (kitchen) => two(kitchen, "two-first.mp4", [clip, bars])],
  ["two videos, the known one second", either, (kitchen) => two(kitchen, "two-second.mp4", [bars, clip])],
  [
    "two videos, the known one second and shown",
    found(),
    (kitchen) => two(kitchen, "two-default.mkv", [bars, clip], "-disposition:v:0", "0", "-disposition:v:1", "default"),
  ],
  ["cover art and video", found(), covered],
  [
    "an attachment",
    found(),
    async (kitchen) => fromClip("attached.mkv", "-attach", PHOTO, "-metadata:s:t", "mimetype=image/png", "-c", "copy")(kitchen),
  ],
  ["a data stream", found(), fromClip("tmcd.mov", "-c:v", "mpeg4", "-q:v", "3", "-timecode", "01:00:00:00")],
  ["sound, subtitles and chapters", found(), full],
  ["sound first", found(), soundFirst],
];

export const oddVideos = (): BadInput[] => [
  ...grouped("odd depths and colours", depths),
  ...grouped("odd shapes", shapes),
  ...grouped("odd clocks", clocks),
  ...grouped("several streams", streams),
];

/** The option stands before the input, which is copied with a matrix that turns it. */
function turned(name: string, ...options: string[]) {
  return async (kitchen: Kitchen) => kitchen.ffmpeg(`turned-${name}.mp4`, ...options, "-i", await clip(kitchen), "-c", "copy");
}

/** A cut without decoding keeps the pictures back to the keyframe, and says which of them not to show. */
async function editList(kitchen: Kitchen): Promise<string> {
  const gop = await fromClip("gop-12.mp4", ...H264, "-g", "12")(kitchen);
  return kitchen.ffmpeg("edit.mp4", "-ss", "0.7", "-i", gop, "-c", "copy");
}

async function joined(kitchen: Kitchen, name: string, ...sizes: string[]): Promise<string> {
  const parts = await Promise.all(
    sizes.map((size) =>
      fromClip(`${name}-${size}.ts`, "-vf", `scale=${size.replace("x", ":")}`, ...H264, "-f", "mpegts")(kitchen),
    ),
  );
  return kitchen.write(name, Buffer.concat(await Promise.all(parts.map((part) => readFile(part)))));
}

/** The second half of a stream whose keyframes are a second apart. */
async function midStream(kitchen: Kitchen): Promise<string> {
  const whole = await readFile(await fromClip("gop-25.ts", ...H264, "-g", "25", "-sc_threshold", "0", "-f", "mpegts")(kitchen));
  return kitchen.write("mid.ts", whole.subarray(188 * Math.floor(whole.length / 3 / 188)));
}

const bars = (kitchen: Kitchen) =>
  kitchen.ffmpeg("bars.mp4", "-f", "lavfi", "-i", "mandelbrot=s=320x240:r=25", "-t", "3", ...H264);

async function two(kitchen: Kitchen, name: string, films: ((kitchen: Kitchen) => Promise<string>)[], ...options: string[]) {
  const paths = await Promise.all(films.map((film) => film(kitchen)));
  const inputs = paths.flatMap((path) => ["-i", path]);
  return kitchen.ffmpeg(name, ...inputs, "-map", "0:v", "-map", "1:v", "-c", "copy", ...options);
}

async function covered(kitchen: Kitchen): Promise<string> {
  const maps = ["-map", "1", "-map", "0", "-c:v:0", "mjpeg", "-c:v:1", "copy", "-disposition:v:0", "attached_pic"];
  return kitchen.ffmpeg("covered.mp4", "-i", await clip(kitchen), "-i", PHOTO, ...maps);
}

async function full(kitchen: Kitchen): Promise<string> {
  const srt = await kitchen.write("full.srt", "1\n00:00:00,000 --> 00:00:02,000\nhello\n");
  const chapters = await kitchen.write("full.txt", ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle=one\n");
  const inputs = ["-i", await clip(kitchen), "-f", "lavfi", "-i", "sine=d=3", "-i", srt, "-i", chapters];
  return kitchen.ffmpeg("full.mkv", ...inputs, "-map_metadata", "3", "-c:v", "copy", "-c:a", "libopus", "-c:s", "srt");
}

async function soundFirst(kitchen: Kitchen): Promise<string> {
  const inputs = ["-f", "lavfi", "-i", "sine=d=3", "-itsoffset", "1", "-i", await clip(kitchen)];
  return kitchen.ffmpeg("sound-first.mp4", ...inputs, "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac");
}
