import { type FileHandle, open } from "node:fs/promises";

/** Boxes at the top of a file: fragmented films have two for every second or so. */
const MOST_BOXES = 1000;

/** Of an index; an hour of video has one of a few megabytes. */
const MOST_INDEX_BYTES = 64 * 1024 ** 2;

/**
 * Whether the pictures of an mp4 are encrypted (ISO/IEC 23001-7, "cenc"). ffmpeg takes them for what they were before, decodes noise, and says
 * nothing. Encrypted pictures have a sample entry `encv`, with a box `sinf` in it, in the file's index (`moov`).
 */
export async function isEncryptedMp4(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const index = await indexOf(file);
    return index.includes("encv") && index.includes("sinf");
  } finally {
    await file.close();
  }
}

/** The content of the box `moov`, or its beginning; empty when there is none. */
async function indexOf(file: FileHandle): Promise<Buffer> {
  const { size: fileBytes } = await file.stat();
  let at = 0;
  for (let boxes = 0; boxes < MOST_BOXES && at + 8 <= fileBytes; boxes++) {
    const head = await read(file, at, 16);
    const { type, bytes } = boxIn(head, fileBytes - at);
    if (type === "moov") return read(file, at, Math.min(bytes, MOST_INDEX_BYTES));
    if (bytes < 8) break;
    at += bytes;
  }
  return Buffer.alloc(0);
}

/** A size of 0 is all that is left; of 1, a number of 64 bits follows the type. */
function boxIn(head: Buffer, leftBytes: number): { type: string; bytes: number } {
  const size = head.readUInt32BE(0);
  const long = size === 1 && head.length >= 16 ? Number(head.readBigUInt64BE(8)) : size;
  return { type: head.toString("latin1", 4, 8), bytes: size === 0 ? leftBytes : Math.min(long, leftBytes) };
}

async function read(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, at);
  return buffer.subarray(0, bytesRead);
}
