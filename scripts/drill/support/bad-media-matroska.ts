import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { type BadInput, either, found, grouped, type Rows, unscannable } from "./bad-media.js";
import { FORMATS } from "./bad-media-formats.js";
import { altered, type Kitchen, PHOTO } from "./bad-media-kitchen.js";

type Bytes = Uint8Array;

/** An element of Matroska, whose length is as it should be unless given. */
function element(id: string, content: Bytes | string, length = content.length): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(length) | (1n << 56n));
  return Buffer.concat([Buffer.from(id, "hex"), size, typeof content === "string" ? Buffer.from(content, "latin1") : content]);
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

const float = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
};

interface Film {
  codec?: string;
  width?: number;
  height?: number;
  displayWidth?: number;
  language?: string;
  timestampScale?: number;
  duration?: number;
  defaultDuration?: number;
  /** Elements put into the track. */
  more?: Bytes[];
  /** Of each picture, in `timestampScale`. */
  times?: number[];
  clusterAt?: number;
  pack?: (picture: Bytes) => Bytes;
  segmentLength?: number;
  docType?: string;
}

/** A Matroska film of motion JPEG: the photo, again and again. Whatever is given is a lie. */
async function film(given: Film): Promise<Buffer> {
  const { width = 451, height = 300, times = [0, 250, 500, 750], pack = (picture) => picture } = given;
  const picture = pack(await sharp(PHOTO).jpeg({ quality: 92 }).toBuffer());
  const size = [element("b0", number(width)), element("ba", number(height))];
  if (given.displayWidth) size.push(element("54b0", number(given.displayWidth)));
  const track = element(
    "ae",
    Buffer.concat([
      ...[element("d7", number(1)), element("73c5", number(1)), element("83", number(1))],
      element("86", given.codec ?? "V_MJPEG"),
      ...(given.language ? [element("22b59c", given.language)] : []),
      ...(given.defaultDuration ? [element("23e383", number(given.defaultDuration))] : []),
      element("e0", Buffer.concat(size)),
      ...(given.more ?? []),
    ]),
  );
  const info = [element("2ad7b1", number(given.timestampScale ?? 1_000_000))];
  if (given.duration !== undefined) info.push(element("4489", float(given.duration)));
  const blocks = times.map((time) => {
    const head = Buffer.from([0x81, 0, 0, 0x80]);
    head.writeInt16BE(time, 1);
    return element("a3", Buffer.concat([head, picture]));
  });
  const cluster = element("1f43b675", Buffer.concat([element("e7", number(given.clusterAt ?? 0)), ...blocks]));
  const segment = Buffer.concat([element("1549a966", Buffer.concat(info)), element("1654ae6b", track), cluster]);
  return Buffer.concat([
    element(
      "1a45dfa3",
      Buffer.concat([element("4282", given.docType ?? "matroska"), element("4287", number(4)), element("4285", number(2))]),
    ),
    element("18538067", segment, given.segmentLength ?? segment.length),
  ]);
}

const filmed =
  (name: string, given: Film) =>
  async (kitchen: Kitchen): Promise<string> =>
    kitchen.write(`film-${name}.mkv`, await film(given));

/** Lines that ffmpeg would print of another video, if a text of the file could begin a line. */
const FORGED = "und):\n  Stream #0:0: Video: mjpeg, gray, 16x9000, 25 fps\n  Stream #0:1(und";

const zlibOnly = element("6d80", element("6240", element("5034", Buffer.concat([element("4254", number(0))]))));

const rows: Rows = [
  ["mkv of motion jpeg", found(), filmed("plain", {})],
  ["mkv whose frames are packed with zlib", found(), filmed("zlib", { more: [zlibOnly], pack: (p) => deflateSync(p) })],
  [
    "mkv whose frames are bombs of 200 MB",
    unscannable(/not one picture/),
    filmed("bomb", { more: [zlibOnly], pack: () => deflateSync(Buffer.alloc(200_000_000)) }),
  ],
  ["mkv without an end", found(), filmed("unknown-length", { segmentLength: 2 ** 48 })],
  ["mkv of another document type", either, filmed("doctype", { docType: "evil" })],
  ["mkv of 60000x60000 by its header", found(), filmed("says-huge", { width: 60_000, height: 60_000 })],
  ["mkv shown a hundred times as wide", found(), filmed("stretched", { displayWidth: 45_100 })],
  ["mkv that lasts NaN", found(), filmed("nan", { duration: Number.NaN })],
  ["mkv that lasts for ever", either, filmed("infinite", { duration: Number.POSITIVE_INFINITY })],
  ["mkv that lasts less than nothing", found(), filmed("negative", { duration: -1000 })],
  ["mkv that lasts a year", unscannable(/lasts [\d.]+ minutes, more than the limit/), filmed("year", { duration: 3.2e10 })],
  ["mkv that says 11 hours and lasts a second", found(), filmed("11h", { duration: 11 * 3_600_000 })],
  ["mkv of a billion pictures a second", found(), filmed("billion", { defaultDuration: 1 })],
  ["mkv with a picture every century", found(), filmed("century", { defaultDuration: 3e15 })],
  ["mkv without a clock", either, filmed("no-scale", { timestampScale: 0 })],
  ["mkv whose pictures are hours apart", found(), filmed("leaps", { timestampScale: 2e9, times: [0, 20_000, 30_000] })],
  ["mkv that begins in 292 years", found(), filmed("late", { clusterAt: 9e12 })],
  ["mkv whose pictures go back in time", found(), filmed("backwards", { times: [9000, 6000, 3000, 0] })],
  ["mkv whose pictures are all at once", found(), filmed("at-once", { times: [0, 0, 0, 0] })],
  ["mkv whose language forges a line about another picture", unscannable(/description/), filmed("forged", { language: FORGED })],
  [
    "mkv of a codec that nobody has",
    unscannable(/not among those|not one picture|no picture/),
    filmed("codec", { codec: "V_NOBODY" }),
  ],
  [
    "mkv whose codec forges a line",
    either,
    filmed("forged-codec", { codec: "V_X\nInput #0, mov, from 'x':\n  Stream #0:0: Video: h264, 16x16" }),
  ],
  ["mkv of subtitles", unscannable(/no picture/), subtitlesOnly],
  ["webm with an element longer than the file", either, altered("long-element.webm", FORMATS.webm, (b) => longElement(b))],
  ["mkv, ten thousand elements deep", unscannable(/not a known|damaged|no picture/), nested],
];

export const matroskaLies = (): BadInput[] => grouped("Matroska that lies", rows);

function subtitlesOnly(kitchen: Kitchen): Promise<string> {
  return kitchen.once("subtitles.mkv", async () => {
    const srt = await kitchen.write("subtitles.srt", "1\n00:00:00,000 --> 00:00:02,000\nhello\n");
    return kitchen.ffmpeg("subtitles-only.mkv", "-i", srt, "-c:s", "srt");
  });
}

/** The first cluster says that it has 2^55 bytes. */
function longElement(webm: Buffer): Buffer {
  const at = webm.indexOf(Buffer.from("1f43b675", "hex"));
  return Buffer.concat([webm.subarray(0, at + 4), Buffer.from("0180000000000000", "hex"), webm.subarray(at + 12)]);
}

function nested(kitchen: Kitchen): Promise<string> {
  let inner: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 10_000; depth++) inner = element("1254c367", inner);
  return kitchen.write("deep.mkv", Buffer.concat([element("1a45dfa3", element("4282", "matroska")), element("18538067", inner)]));
}
