import { type BadInput, either, found, grouped, type Rows, unscannable } from "./bad-media.js";
import { box, replaced, setBoxSize, setInBox, u32 } from "./bad-media-bytes.js";
import { FORMATS } from "./bad-media-formats.js";
import { altered, clip, fromClip, H264, holding, type Kitchen } from "./bad-media-kitchen.js";

const MAX = 0xffff_ffff;
const BROKEN = /not among those|damaged|not a known|no picture|not one picture|cannot be|longer than|limit/;

/** The clip as mp4 with its index first, spoilt. */
const spoilt = (name: string, ...changes: ((bytes: Buffer) => Buffer)[]) =>
  altered(`mp4-${name}.mp4`, FORMATS["mp4, index first"], (bytes) => changes.reduce((now, change) => change(now), bytes));

const ftyp = () => box("ftyp", Buffer.from("isom"), u32(512), Buffer.from("isomiso2avc1mp41"));

const times: Rows = [
  ["mp4 that lasts 0", found(), spoilt("no-duration", setInBox("mvhd", 16, 0), setInBox("mdhd", 16, 0), setInBox("tkhd", 20, 0))],
  ["mp4 that lasts 49 days", found(), spoilt("49-days", setInBox("mvhd", 16, MAX), setInBox("mdhd", 16, MAX - 1))],
  ["mp4 that says 11 hours and lasts 3 s", found(), spoilt("11-hours", setInBox("mvhd", 16, 39_600_000))],
  ["mp4 without a clock", either, spoilt("no-clock", setInBox("mdhd", 12, 0))],
  ["mp4 of a billion pictures a second", found(), spoilt("billion", setInBox("mdhd", 12, 1_000_000_000))],
  ["mp4 whose pictures last 0", found(), spoilt("0-fps", setInBox("stts", 12, 0))],
  ["mp4 whose pictures last 13 hours", either, spoilt("slow", setInBox("stts", 12, 600_000_000))],
  ["mp4 whose pictures last less than nothing", either, spoilt("negative", setInBox("stts", 12, MAX))],
];

const counts: Rows = [
  ["mp4 with 2^31 sample sizes", unscannable(BROKEN), spoilt("stsz-2-31", setInBox("stsz", 8, 0x8000_0000))],
  ["mp4 with 2^32-1 sample sizes", unscannable(BROKEN), spoilt("stsz-max", setInBox("stsz", 8, MAX))],
  ["mp4 with 2^31 samples of one byte", unscannable(BROKEN), spoilt("stsz-1-2-31", setInBox("stsz", 4, 1, 0x8000_0000))],
  [
    "mp4 with 100 million samples of one byte",
    unscannable(BROKEN),
    spoilt("stsz-1-many", setInBox("stsz", 4, 1, 100_000_000), setInBox("stsc", 8, 1, 100_000_000)),
  ],
  ["mp4 with 2^32-1 durations", either, spoilt("stts-max", setInBox("stts", 4, MAX))],
  ["mp4 with a duration for 2^31 samples", either, spoilt("stts-many", setInBox("stts", 8, 0x7fff_ffff))],
  ["mp4 with 2^32-1 chunks", either, spoilt("stco-max", setInBox("stco", 4, MAX))],
  ["mp4 whose chunks lie behind its end", unscannable(BROKEN), spoilt("stco-behind", setInBox("stco", 8, MAX))],
  ["mp4 whose chunks are its index", unscannable(BROKEN), spoilt("stco-index", setInBox("stco", 8, 32))],
  ["mp4 with 2^32-1 samples a chunk", either, spoilt("stsc-max", setInBox("stsc", 8, 1, MAX))],
  ["mp4 with 2^32-1 sample descriptions", either, spoilt("stsd-max", setInBox("stsd", 4, MAX))],
];

const boxes: Rows = [
  ["mp4 whose index is longer than the file", either, spoilt("moov-long", setBoxSize("moov", 0x7fff_ffff))],
  ["mp4 whose index is shorter than it is", unscannable(BROKEN), spoilt("moov-short", setBoxSize("moov", 16))],
  ["mp4 whose index has size 0", either, spoilt("moov-0", setBoxSize("moov", 0))],
  ["mp4 whose index has size 1", either, spoilt("moov-1", setBoxSize("moov", 1))],
  ["mp4 whose track has size 4", unscannable(BROKEN), spoilt("trak-4", setBoxSize("trak", 4))],
  ["mp4 whose sample table is longer than the file", either, spoilt("stbl-long", setBoxSize("stbl", 0x7fff_ffff))],
  [
    "mp4 of a box of 2^63 bytes",
    unscannable(BROKEN),
    holding("64-bit.mp4", () => Buffer.concat([ftyp(), u32(1), Buffer.from("moov"), u32(0x7fff_ffff, MAX)])),
  ],
  ["mp4, 20,000 boxes deep", unscannable(BROKEN), holding("deep.mp4", () => Buffer.concat([ftyp(), nested(20_000)]))],
  [
    "mp4 with an index of 64 MB",
    unscannable(BROKEN),
    holding("huge-moov.mp4", () => Buffer.concat([ftyp(), box("moov", box("udta", Buffer.alloc(64_000_000)))])),
  ],
  [
    "mp4 with a million empty tracks",
    unscannable(BROKEN),
    holding("tracks.mp4", () => Buffer.concat([ftyp(), box("moov", Buffer.alloc(8_000_000, box("trak")))])),
  ],
  ["mp4 of nothing but its type", unscannable(BROKEN), holding("ftyp.mp4", ftyp)],
  ["mp4 of nothing but an index", unscannable(BROKEN), holding("moov.mp4", () => Buffer.concat([ftyp(), box("moov")]))],
  [
    "mp4 without pictures' bytes",
    unscannable(BROKEN),
    altered("no-mdat.mp4", FORMATS["mp4, index first"], (b) => b.subarray(0, b.indexOf("mdat") - 4)),
  ],
  [
    "mp4 whose pictures are zeros",
    unscannable(BROKEN),
    altered("zero-mdat.mp4", FORMATS["mp4, index first"], (b) => b.fill(0, b.indexOf("mdat") + 4)),
  ],
  ["mp4 followed by 10 MB of zeros", found(), altered("tail.mp4", clip, (b) => Buffer.concat([b, Buffer.alloc(10_000_000)]))],
];

const tracks: Rows = [
  [
    "mp4 whose decoder's set-up is zeros",
    either,
    altered("avcC.mp4", FORMATS["mp4, index first"], (b) => b.fill(0, b.indexOf("avcC") + 4, b.indexOf("avcC") + 40)),
  ],
  ["mp4 whose track is 65535 pixels wide", found(), spoilt("tkhd-wide", setInBox("tkhd", 76, MAX, MAX))],
  ["mp4 turned by a matrix of zeros", either, spoilt("matrix-0", setInBox("tkhd", 40, 0, 0, 0, 0, 0, 0, 0, 0, 0))],
  ["mp4 of a codec that nobody has", unscannable(BROKEN), spoilt("codec", replaced("avc1\0\0", "zzzz"))],
  [
    "mp4 whose pictures say they are sound",
    unscannable(/sound but no picture|no picture/),
    spoilt("soun", replaced("vide", "soun")),
  ],
  [
    "mp4 that is encrypted (cenc)",
    unscannable(/encrypted/),
    fromClip("cenc.mp4", "-c", "copy", "-encryption_scheme", "cenc-aes-ctr", ...KEY()),
  ],
  [
    "mp4 in which only the sample entry says encrypted",
    unscannable(/encrypted|format none/),
    spoilt("encv", replaced("avc1\0\0", "encv")),
  ],
  ["mp4 with a pixel 10,000 times as wide as high", found(), fromClip("sar.mp4", ...H264, "-vf", "setsar=10000")],
  ["mov that takes its pictures from another file", unscannable(BROKEN), (kitchen) => elsewhere(kitchen)],
];

export const mp4Lies = (): BadInput[] => [
  ...grouped("mp4 that lies about time", times),
  ...grouped("mp4 that lies about counts", counts),
  ...grouped("mp4 whose boxes lie", boxes),
  ...grouped("mp4 whose tracks lie", tracks),
];

function nested(depth: number): Buffer {
  const types = ["moov", "trak", "mdia", "minf", "stbl", "udta", "meta"];
  const heads = Array.from({ length: depth }, (_, i) =>
    Buffer.concat([u32(8 * (depth - i)), Buffer.from(types[i % types.length])]),
  );
  return Buffer.concat(heads);
}

function KEY(): string[] {
  return ["-encryption_key", "00112233445566778899aabbccddeeff", "-encryption_kid", "112233445566778899aabbccddeeff00"];
}

/** A data reference of the kind `alis` or `url ` names the file that the pictures are in. */
function elsewhere(kitchen: Kitchen): Promise<string> {
  const make = altered("dref.mov", FORMATS["mp4, index first"], (bytes) => {
    const at = bytes.indexOf("url ");
    // Flag 0: not in this file. The address takes the place of the box behind it.
    bytes.writeUInt32BE(0, at + 4);
    bytes.write(`${kitchen.trapUrl}dref`, at + 8, "latin1");
    return bytes.fill(0, bytes.indexOf("mdat") + 4);
  });
  return make(kitchen);
}
