import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import sharp from "sharp";
import { type BadInput, either, found, grouped, type Rows, unscannable } from "./bad-media.js";
import { blackPng, PNG_HEAD, pngChunk, replaced, riffChunk, setInBox, tinyGif, u32, withPngChunk } from "./bad-media-bytes.js";
import { FORMATS } from "./bad-media-formats.js";
import { altered, fromClip, holding, type Kitchen, PHOTO } from "./bad-media-kitchen.js";

const ZEROS_BYTES = 200_000_000;
const HUGE = 60_000;
const TOO_MANY_PIXELS = /60000 × 60000 pixels, more than the limit/;
/** libvips takes the size of its first picture for that of the canvas; ffmpeg refuses. */
const HUGE_GIF = /60000 × 60000|flat|not one picture/;
const UNREADABLE = /damaged|cannot be|not a known|not one picture|limit|too long|longer than/;
const NO_MEDIA = /of type \w+, which is neither an image nor a video/;
const FLAT = /too dark or too flat|nothing to compare|flat/;

const photo = async () => PHOTO;
const zeros = () => Buffer.alloc(ZEROS_BYTES);

/** Little that becomes much. */
const decompression: Rows = [
  ["png with 200 MB in a zTXt chunk", found(0), altered("ztxt.png", photo, withPngChunk("zTXt", compressedText))],
  ["png with 200 MB in an iTXt chunk", found(0), altered("itxt.png", photo, withPngChunk("iTXt", compressedInternationalText))],
  ["png with 200 MB in its colour profile", either, altered("iccp.png", photo, withPngChunk("iCCP", compressedText))],
  ["png with 200 MB more data than pixels", either, holding("idat.png", () => blackPng(100, 100, 8, ZEROS_BYTES))],
  ["png of 7000x7000 black pixels", unscannable(FLAT), holding("black.png", () => blackPng(7000, 7000, 1))],
  ["zip of 200 MB", unscannable(NO_MEDIA), holding("bomb.zip", () => zipOf("a.mp4", zeros()))],
  ["zip named mp4", unscannable(NO_MEDIA), holding("bomb.mp4", () => zipOf("a.mp4", zeros()))],
  ["gzip of 200 MB", unscannable(NO_MEDIA), holding("bomb.gz", () => gzipSync(zeros()))],
  ["gzip of the photo", unscannable(NO_MEDIA), altered("photo.png.gz", photo, (bytes) => gzipSync(bytes))],
  ["gzip of gzip of gzip", unscannable(NO_MEDIA), holding("thrice.gz", () => gzipSync(gzipSync(gzipSync(zeros()))))],
  ["svgz", unscannable(NO_MEDIA), holding("a.svgz", () => gzipSync("<svg xmlns='http://www.w3.org/2000/svg'/>"))],
  ["zlib stream", unscannable(UNREADABLE), holding("a.zlib", () => deflateSync(zeros()))],
  ["jpeg with a thousand scans", unscannable(UNREADABLE), manyScans],
];

/** Pictures that would take gigabytes. */
const canvases: Rows = [
  ["png of 60000x60000", unscannable(TOO_MANY_PIXELS), holding("huge.png", () => blackPng(HUGE, HUGE, 1))],
  ["png that says 60000x60000", unscannable(TOO_MANY_PIXELS), altered("says.png", FORMATS.png, (png) => resized(png))],
  [
    "png of 2147483647 pixels' width",
    unscannable(UNREADABLE),
    altered("widest.png", FORMATS.png, (png) => resized(png, 2 ** 31 - 1, 1)),
  ],
  ["jpeg that says 60000x60000", unscannable(TOO_MANY_PIXELS), altered("huge.jpg", FORMATS.jpeg, hugeJpeg)],
  ["gif of 60000x60000", unscannable(HUGE_GIF), holding("huge.gif", () => tinyGif(HUGE, HUGE, 1, 10))],
  ["moving gif of 60000x60000", unscannable(HUGE_GIF), holding("huge-moving.gif", () => tinyGif(HUGE, HUGE, 9, 10))],
  ["tiff that says 60000x60000", unscannable(TOO_MANY_PIXELS), altered("huge.tiff", FORMATS.tiff, hugeTiff)],
  ["bmp that says 60000x60000", unscannable(/60000 × 60000 pixels|damaged/), altered("huge.bmp", FORMATS.bmp, hugeBmp)],
  [
    "webp of 16384x16384",
    unscannable(/pixels, more than the limit|damaged/),
    altered("huge.webp", FORMATS["webp, moving"], hugeWebp),
  ],
  [
    "avif that says 60000x60000",
    unscannable(/60000|limit|damaged/),
    altered("huge.avif", FORMATS.avif, setInBox("ispe", 4, HUGE, HUGE)),
  ],
  [
    "mov whose pictures are 16000x16000",
    unscannable(/16000|limit/),
    fromClip("huge.mov", "-frames:v", "1", "-vf", "scale=16000:16000", "-c:v", "mjpeg", "-q:v", "31"),
  ],
  ["mp4 that says 60000x60000", found(), altered("says-huge.mp4", FORMATS["mp4, index first"], setInBox("avc1", 24, 0xea60ea60))],
  ["gif of 65535x65535 in a zip", unscannable(NO_MEDIA), holding("gif.zip", () => zipOf("a.gif", tinyGif(65_535, 65_535, 1, 0)))],
];

/** More pictures than anybody looks at. */
const pictures: Rows = [
  ["gif of 100,000 pictures", unscannable(/flat|longer than/), holding("many.gif", () => tinyGif(1, 1, 100_000, 2))],
  [
    "gif of 100,000 pictures on a large canvas",
    unscannable(/longer than|too long|limit|flat/),
    holding("many-large.gif", () => tinyGif(4000, 4000, 100_000, 2)),
  ],
  [
    "gif of 100,000 pictures of 11 minutes each",
    unscannable(/lasts \d+(\.\d)? minutes, more than the limit/),
    holding("long.gif", () => tinyGif(64, 64, 100_000, 65_535)),
  ],
  ["webp of 20,000 pictures", unscannable(/flat|longer than|too long/), manyWebp],
  [
    "png that says it has 4 billion pictures",
    either,
    altered(
      "acTL.png",
      photo,
      withPngChunk("acTL", () => u32(0xffffffff, 0)),
    ),
  ],
  [
    "video of 30,000 pictures in 30 s",
    either,
    (kitchen) =>
      kitchen.ffmpeg(
        "fast.mp4",
        ...["-f", "lavfi", "-i", "testsrc=s=64x48:r=1000:d=30", "-c:v", "mpeg4", "-q:v", "31", "-g", "600"],
      ),
  ],
];

export const bombs = (): BadInput[] => [
  ...grouped("bombs", decompression),
  ...grouped("canvases", canvases),
  ...grouped("many pictures", pictures),
];

function compressedText(): Buffer {
  return Buffer.concat([Buffer.from("Comment\0\0"), deflateSync(zeros())]);
}

function compressedInternationalText(): Buffer {
  return Buffer.concat([Buffer.from("Comment\0\x01\0\0\0"), deflateSync(zeros())]);
}

function resized(png: Buffer, width = HUGE, height = HUGE): Buffer {
  return Buffer.concat([PNG_HEAD, pngChunk("IHDR", Buffer.concat([u32(width, height), png.subarray(24, 29)])), png.subarray(33)]);
}

/** Behind the marker of the frame header (SOF0): length, depth, height, width. */
function hugeJpeg(jpeg: Buffer): Buffer {
  return replaced(Buffer.from([0xff, 0xc0]), u32(0xea60ea60), 5)(jpeg);
}

/** Entries 256 and 257 of the first directory are the size; sharp writes them as numbers of 16 or 32 bits. */
function hugeTiff(tiff: Buffer): Buffer {
  const directory = tiff.readUInt32LE(4);
  for (let i = 0; i < tiff.readUInt16LE(directory); i++) {
    const entry = directory + 2 + 12 * i;
    if (![256, 257].includes(tiff.readUInt16LE(entry))) continue;
    tiff.writeUInt16LE(4, entry + 2);
    tiff.writeUInt32LE(HUGE, entry + 8);
  }
  return tiff;
}

function hugeBmp(bmp: Buffer): Buffer {
  bmp.writeInt32LE(HUGE, 18);
  bmp.writeInt32LE(HUGE, 22);
  return bmp;
}

/** Canvas width and height less one, of 24 bits each, behind VP8X's flags. */
function hugeWebp(webp: Buffer): Buffer {
  return replaced("VP8X", Buffer.from([0xff, 0x3f, 0, 0xff, 0x3f, 0]), 12)(webp);
}

/** A zip archive of one file. */
export function zipOf(name: string, content: Uint8Array): Buffer {
  const packed = deflateRawSync(content);
  const local = Buffer.alloc(30);
  local.write("PK\x03\x04", 0, "latin1");
  local.writeUInt16LE(20, 4);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt32LE(content.length, 22);
  local.writeUInt16LE(name.length, 26);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  return Buffer.concat([local, Buffer.from(name), packed, end]);
}

/** The last scan of a progressive picture, again and again: each is a pass over all of its pixels. */
async function manyScans(kitchen: Kitchen): Promise<string> {
  const jpeg = await sharp(PHOTO).resize(6000, 6000, { fit: "fill" }).jpeg({ progressive: true, quality: 30 }).toBuffer();
  const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
  const scans = Array<Buffer>(1000).fill(scan.subarray(0, 200));
  return kitchen.write("scans.jpg", Buffer.concat([jpeg.subarray(0, -2), ...scans, Buffer.from([0xff, 0xd9])]));
}

/** One picture of one pixel, shown 20,000 times. */
async function manyWebp(kitchen: Kitchen): Promise<string> {
  const one = await sharp({ create: { width: 1, height: 1, channels: 3, background: "#888" } })
    .webp({ lossless: true })
    .toBuffer();
  const frame = riffChunk("ANMF", Buffer.alloc(12), Buffer.from([40, 0, 0, 0]), one.subarray(12));
  const head = riffChunk("VP8X", Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  const frames = Array<Buffer>(20_000).fill(frame);
  return kitchen.write("many.webp", riffChunk("RIFF", Buffer.from("WEBP"), head, riffChunk("ANIM", Buffer.alloc(6)), ...frames));
}
