import { crc32, deflateSync } from "node:zlib";

/** A box of ISO base media files (mp4, mov, avif), whose size is as it should be. */
export function box(type: string, ...content: Uint8Array[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + content.reduce((sum, part) => sum + part.length, 0));
  head.write(type, 4, "latin1");
  return Buffer.concat([head, ...content]);
}

/** 32-bit numbers, the most significant byte first. */
export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => void bytes.writeUInt32BE(value >>> 0, 4 * i));
  return bytes;
}

/**
 * Writes numbers of 32 bits behind the first box of this type.
 *
 * @param at bytes behind the type's four letters.
 */
export const setInBox =
  (type: string, at: number, ...values: number[]) =>
  (bytes: Buffer): Buffer => {
    u32(...values).copy(bytes, placeOf(bytes, type) + 4 + at);
    return bytes;
  };

/** Lies about how long a box is. */
export const setBoxSize =
  (type: string, size: number) =>
  (bytes: Buffer): Buffer => {
    bytes.writeUInt32BE(size >>> 0, placeOf(bytes, type) - 4);
    return bytes;
  };

/** Puts bytes in the place of the first occurrence of others. */
export const replaced =
  (before: Uint8Array | string, after: Uint8Array | string, skip = 0) =>
  (bytes: Buffer): Buffer => {
    const at = placeOf(bytes, Buffer.from(before as Uint8Array).toString("latin1"));
    Buffer.from(after as Uint8Array).copy(bytes, at + skip);
    return bytes;
  };

function placeOf(bytes: Buffer, what: string): number {
  const at = bytes.indexOf(what, 0, "latin1");
  if (at < 0) throw new Error(`the file to be spoilt has no ${JSON.stringify(what)}`);
  return at;
}

export const PNG_HEAD = Buffer.from("89504e470d0a1a0a", "hex");

export const pngChunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  return Buffer.concat([u32(data.length), body, u32(crc32(body))]);
};

/** The header of a PNG of grey pixels, which are `bits` deep. */
export const pngSize = (width: number, height: number, bits = 8): Buffer =>
  pngChunk("IHDR", Buffer.concat([u32(width, height), Buffer.from([bits, 0, 0, 0, 0])]));

/** A PNG of nothing but zeros. */
export const blackPng = (width: number, height: number, bits: number, dataBytes = (Math.ceil((width * bits) / 8) + 1) * height) =>
  Buffer.concat([
    PNG_HEAD,
    pngSize(width, height, bits),
    pngChunk("IDAT", deflateSync(Buffer.alloc(dataBytes))),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);

/** Puts a chunk behind a PNG's header. */
export const withPngChunk =
  (type: string, data: () => Uint8Array) =>
  (png: Buffer): Buffer =>
    Buffer.concat([png.subarray(0, 33), pngChunk(type, data()), png.subarray(33)]);

/** A chunk of RIFF files (webp, avi, wav). */
export function riffChunk(type: string, ...content: Uint8Array[]): Buffer {
  const data = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.write(type, 0, "latin1");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

/** A GIF with this canvas and so many pictures of one pixel, each shown for `centiseconds`. */
export function tinyGif(width: number, height: number, pictures: number, centiseconds: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt16LE(width);
  size.writeUInt16LE(height, 2);
  const head = Buffer.concat([Buffer.from("GIF89a"), size, Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255])]);
  const delay = Buffer.from([0x21, 0xf9, 4, 0, centiseconds & 255, centiseconds >> 8, 0, 0]);
  const picture = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 1, 0]);
  return Buffer.concat([head, ...Array(pictures).fill(Buffer.concat([delay, picture])), Buffer.from([0x3b])]);
}
