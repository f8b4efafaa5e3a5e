import { randomFrom } from "../../../src/bench/index/generate.js";
import { type BadInput, either, found, unscannable } from "./bad-media.js";
import { FORMAT_NAMES, FORMATS } from "./bad-media-formats.js";
import { altered } from "./bad-media-kitchen.js";

const fileName = (format: string, what: string) => `${what}-${format.replace(/\W+/g, "-")}`;

/** Every format as it should be. */
export const whole = (): BadInput[] =>
  FORMAT_NAMES.map((format) => ({ name: `whole ${format}`, group: "whole", expect: found(), make: FORMATS[format] }));

/** What is left of these can be played, and so it is recognised: videos that need nothing from their end. */
const STREAMS = new Set([
  "mp4, index first",
  "mp4, fragmented",
  "mov",
  "mkv",
  "webm",
  "avi",
  "flv",
  "mpeg-ts",
  "mpeg-ps",
  "ogv",
  "wmv",
  "gif",
  "apng",
]);

/** Of every format the first tenth, the first two tenths, and so on. */
export const truncated = (): BadInput[] =>
  FORMAT_NAMES.flatMap((format) =>
    Array.from({ length: 9 }, (_, i) => ({
      name: `${format} after ${i + 1} tenths`,
      group: "truncated",
      expect: STREAMS.has(format) || (format === "avif, moving" && i > 0) ? found() : unscannable(/damaged|not one picture/),
      make: altered(fileName(format, `cut-${i + 1}`), FORMATS[format], (bytes) =>
        bytes.subarray(0, Math.floor(((i + 1) * bytes.length) / 10)),
      ),
    })),
  );

/** From one bit to a few hundred, anywhere in the file. */
export const flipped = (seed: number, each: number): BadInput[] =>
  FORMAT_NAMES.flatMap((format, place) =>
    Array.from({ length: each }, (_, i) => ({
      name: `${format} with bits flipped, ${i + 1}`,
      group: "bits flipped",
      expect: either,
      make: altered(fileName(format, `flipped-${i + 1}`), FORMATS[format], (bytes) =>
        flip(bytes, randomFrom(seed * 1_000_003 + place * 1009 + i)),
      ),
    })),
  );

function flip(bytes: Buffer, random: () => number): Buffer {
  // As often in the first kilobyte, where the headers are, as in all the rest.
  const at = () => Math.floor(random() * (random() < 0.5 ? Math.min(1024, bytes.length) : bytes.length));
  for (let left = Math.ceil(2 ** (8 * random())); left > 0; left--) bytes[at()] ^= 1 << Math.floor(random() * 8);
  return bytes;
}
