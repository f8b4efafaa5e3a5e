import { readFile } from "node:fs/promises";
import { randomFrom } from "../../../src/bench/index/generate.js";
import { type BadInput, clear, either, found, grouped, type Rows, unscannable } from "./bad-media.js";
import { zipOf } from "./bad-media-bombs.js";
import { blackPng, riffChunk, tinyGif, u32, withPngChunk } from "./bad-media-bytes.js";
import { FORMATS } from "./bad-media-formats.js";
import { altered, clip, holding, type Kitchen, PHOTO } from "./bad-media-kitchen.js";

const UNKNOWN = /not a known image or video|damaged/;
const NO_PICTURE = /sound but no picture|no picture/;
const NOT_MEDIA = /of type \w+, which/;
const photo = async () => PHOTO;

const nothing: Rows = [
  ["an empty file", unscannable(/is empty/), holding("empty.mp4", () => "")],
  ["one byte", unscannable(UNKNOWN), holding("one-byte.mp4", () => "x")],
  ["two bytes of a jpeg", unscannable(UNKNOWN), holding("two.jpg", () => Buffer.from([0xff, 0xd8]))],
  ["three bytes of a jpeg", unscannable(UNKNOWN), holding("three.jpg", () => Buffer.from([0xff, 0xd8, 0xff]))],
  ["a megabyte of zeros", unscannable(UNKNOWN), holding("zeros.mp4", () => Buffer.alloc(1_000_000))],
  ["a megabyte of 255", unscannable(UNKNOWN), holding("ones.mp4", () => Buffer.alloc(1_000_000, 255))],
  ["a megabyte of line ends", unscannable(UNKNOWN), holding("lines.mp4", () => Buffer.alloc(1_000_000, "\n"))],
  ["only the first bytes of a png", unscannable(UNKNOWN), holding("head.png", () => blackPng(8, 8, 8).subarray(0, 8))],
  ["only the first bytes of a webm", unscannable(UNKNOWN), holding("head.webm", () => Buffer.from("1a45dfa3", "hex"))],
  ["noise", either, (kitchen) => kitchen.write("noise.bin", noise(200_000, kitchen.seed))],
  ["text", unscannable(UNKNOWN), holding("text.jpg", () => "The quick brown fox jumps over the lazy dog.\n".repeat(500))],
  ["json", unscannable(UNKNOWN), holding("a.json", () => JSON.stringify({ version: 1, media: { path: "/etc/passwd" } }))],
];

const others: Rows = [
  [
    "pdf",
    unscannable(NOT_MEDIA),
    holding(
      "a.pdf",
      () => "%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/URI/URI(http://127.0.0.1/)>>>>endobj\ntrailer<</Root 1 0 R>>\n",
    ),
  ],
  [
    "program",
    unscannable(/of type elf|not a known/),
    holding("a.mp4", () => Buffer.concat([Buffer.from("7f454c46020101", "hex"), Buffer.alloc(500)])),
  ],
  [
    "icon",
    unscannable(/ico/),
    holding("a.ico", () =>
      Buffer.concat([Buffer.from([0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0]), u32(0, 0), Buffer.alloc(64)]),
    ),
  ],
  ["photoshop file", unscannable(/psd/), holding("a.psd", () => Buffer.concat([Buffer.from("8BPS\0\x01"), Buffer.alloc(200)]))],
  [
    "fits file",
    unscannable(UNKNOWN),
    holding(
      "a.fits",
      () =>
        `${"SIMPLE  =                    T".padEnd(80)}${"BITPIX  =                    8".padEnd(80)}${"NAXIS   =                    0".padEnd(80)}${"END".padEnd(2640)}`,
    ),
  ],
  [
    "raw picture of a camera (cr2)",
    unscannable(/cr2/),
    holding("a.cr2", () => Buffer.concat([Buffer.from("II*\0\x10\0\0\0CR\x02\0", "latin1"), Buffer.alloc(300)])),
  ],
  [
    "raw picture of a camera (dng)",
    either,
    holding("a.dng", () =>
      Buffer.concat([
        Buffer.from("II*\0\x08\0\0\0\x01\0\x12\xc6\x01\0\x04\0\0\0\x01\x04\0\0\0\0\0\0", "latin1"),
        Buffer.alloc(300),
      ]),
    ),
  ],
  [
    "avif that calls itself heic",
    found(),
    altered("a.heic", FORMATS.avif, (b) => Buffer.concat([b.subarray(0, 8), Buffer.from("heicheic"), b.subarray(16)])),
  ],
  [
    "font",
    unscannable(/of type|not a known/),
    holding("a.ttf", () => Buffer.concat([Buffer.from("0001000000", "hex"), Buffer.alloc(300)])),
  ],
  [
    "tar",
    unscannable(/of type|not a known/),
    holding("a.tar", () =>
      Buffer.concat([Buffer.from("a.mp4".padEnd(257, "\0")), Buffer.from("ustar\x0000"), Buffer.alloc(500)]),
    ),
  ],
  ["database", unscannable(NOT_MEDIA), holding("a.sqlite", () => `SQLite format 3\0${"\0".repeat(500)}`)],
];

const soundOnly: Rows = [
  ["mp3", unscannable(NO_PICTURE), (kitchen) => tone(kitchen, "a.mp3", "-c:a", "libmp3lame")],
  ["wav", unscannable(NO_PICTURE), (kitchen) => tone(kitchen, "a.wav")],
  ["m4a", unscannable(NO_PICTURE), (kitchen) => tone(kitchen, "a.m4a", "-c:a", "aac")],
  ["ogg", unscannable(NO_PICTURE), (kitchen) => tone(kitchen, "a.ogg", "-c:a", "libopus")],
  ["flac", unscannable(NO_PICTURE), (kitchen) => tone(kitchen, "a.flac", "-c:a", "flac")],
  ["aac", unscannable(NO_PICTURE), (kitchen) => tone(kitchen, "a.aac", "-c:a", "aac")],
  [
    "wav that lasts for ever",
    unscannable(/no picture|lasts/),
    holding("ever.wav", () =>
      riffChunk(
        "RIFF",
        Buffer.from("WAVE"),
        riffChunk("fmt ", Buffer.from("0100010001000000010000000100080000", "hex").subarray(0, 16)),
        Buffer.from("data\xff\xff\xff\xff", "latin1"),
      ),
    ),
  ],
  ["mp3 with a cover", unscannable(NO_PICTURE), (kitchen) => withCover(kitchen, "cover.mp3", "-c:a", "libmp3lame")],
  ["m4a with a cover", unscannable(NO_PICTURE), (kitchen) => withCover(kitchen, "cover.m4a", "-c:a", "aac")],
  ["flac with a cover", unscannable(NO_PICTURE), (kitchen) => withCover(kitchen, "cover.flac", "-c:a", "flac")],
];

/** Each is two things at once: what matters is what a browser would show. */
const polyglots: Rows = [
  ["jpeg and zip", found(), altered("zip.jpg", FORMATS.jpeg, (b) => Buffer.concat([b, zipOf("a.txt", Buffer.from("hello"))]))],
  ["png and zip", found(), altered("zip.png", photo, (b) => Buffer.concat([b, zipOf("a.txt", Buffer.from("hello"))]))],
  ["mp4 and zip", found(), altered("zip.mp4", clip, (b) => Buffer.concat([b, zipOf("a.txt", Buffer.from("hello"))]))],
  [
    "jpeg and mp4",
    found(),
    async (kitchen) =>
      kitchen.write("mp4.jpg", Buffer.concat([await readFile(await FORMATS.jpeg(kitchen)), await readFile(await clip(kitchen))])),
  ],
  [
    "gif and html",
    either,
    holding("html.gif", () =>
      Buffer.concat([tinyGif(0x2a2f, 300, 1, 9), Buffer.from("*/=1;</script><img src=x onerror=alert(1)>")]),
    ),
  ],
  ["jpeg whose comment is a drawing", found(), altered("svg.jpg", FORMATS.jpeg, comment("<svg onload=alert(1)>"))],
  [
    "png whose text is a drawing",
    found(),
    altered(
      "svg.png",
      photo,
      withPngChunk("tEXt", () => Buffer.from("Comment\0<svg xmlns='http://www.w3.org/2000/svg'/>")),
    ),
  ],
  [
    "jpeg whose comment is a program",
    found(),
    altered("php.jpg", FORMATS.jpeg, comment("<?php system($_GET[0]); __halt_compiler(); ?>")),
  ],
  ["jpeg whose comment is a list", found(), altered("m3u8.jpg", FORMATS.jpeg, comment("\n#EXTM3U\n/etc/passwd\n"))],
  [
    "pdf before a jpeg",
    unscannable(/of type pdf|not a known/),
    altered("pdf.jpg", FORMATS.jpeg, (b) => Buffer.concat([Buffer.from("%PDF-1.4\n"), b])),
  ],
  ["zip before an mp4", either, altered("zip-first.mp4", clip, (b) => Buffer.concat([zipOf("a.txt", Buffer.from("hello")), b]))],
  [
    "webp that is a wav",
    unscannable(/no picture|not a known|damaged/),
    altered("wav.webp", FORMATS.webp, (b) => Buffer.concat([b.subarray(0, 8), Buffer.from("WAVE"), b.subarray(12)])),
  ],
  ["jpeg after a hundred zeros", either, altered("late.jpg", FORMATS.jpeg, (b) => Buffer.concat([Buffer.alloc(100), b]))],
];

const names: Rows = [
  ["mp4 named jpg", found(), altered("names/clip.jpg", clip, (b) => b)],
  ["mp4 named txt", found(), altered("names/clip.txt", clip, (b) => b)],
  ["mp4 named m3u8", found(), altered("names/clip.m3u8", clip, (b) => b)],
  ["png named mp4", found(0), altered("names/photo.mp4", photo, (b) => b)],
  ["jpeg named svg", found(), altered("names/photo.svg", FORMATS.jpeg, (b) => b)],
  ["gif named png", found(), altered("names/clip.png", FORMATS.gif, (b) => b)],
  ["a name of a pattern", found(), altered("names/%03d-*-[a-z]?.mp4", clip, (b) => b)],
  ["a name of an option", found(), altered("names/-i -f lavfi.mp4", clip, (b) => b)],
  ["a name of a protocol", found(), altered("names/concat:a|b;http:,x.mp4", clip, (b) => b)],
  ["a name of two lines", found(), altered("names/a\n  Stream #0:7: Video: h264, 16x16.mp4", clip, (b) => b)],
  ["a name that is not text", found(), altered("names/\u202e4pm.\u0001\u00e9", clip, (b) => b)],
  ["a long name", found(), altered(`names/${"n".repeat(240)}.mp4`, clip, (b) => b)],
];

export const strangers = (): BadInput[] => [
  ...grouped("nothing", nothing),
  ...grouped("other files", others),
  ...grouped("sound only", soundOnly),
  ...grouped("two things at once", polyglots),
  ...grouped("odd names", names),
  ...grouped("other files", [
    [
      "innocent video",
      clear,
      (kitchen) =>
        kitchen.ffmpeg(
          "innocent.mp4",
          "-f",
          "lavfi",
          "-i",
          "mandelbrot=s=320x240:r=10",
          "-t",
          "2",
          "-c:v",
          "libx264",
          "-pix_fmt",
          "yuv420p",
        ),
    ],
  ]),
];

function comment(text: string) {
  return (jpeg: Buffer) => {
    const head = Buffer.from([0xff, 0xfe, 0, 0]);
    head.writeUInt16BE(2 + text.length, 2);
    return Buffer.concat([jpeg.subarray(0, 2), head, Buffer.from(text), jpeg.subarray(2)]);
  };
}

const TONE = ["-f", "lavfi", "-i", "sine=d=2"];

const tone = ({ ffmpeg }: Kitchen, name: string, ...args: string[]) => ffmpeg(name, ...TONE, ...args);

const withCover = ({ ffmpeg }: Kitchen, name: string, ...args: string[]) =>
  ffmpeg(name, ...TONE, "-i", PHOTO, "-map", "0", "-map", "1", ...args, "-c:v", "mjpeg", "-disposition:v", "attached_pic");

/** The same for the same seed. */
function noise(bytes: number, seed: number): Buffer {
  const random = randomFrom(seed);
  return Buffer.from(Array.from({ length: bytes }, () => Math.floor(256 * random())));
}
