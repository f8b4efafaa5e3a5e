import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import { InvalidSubmissionError, TransientError, UnscannableError } from "../../errors.js";
import type { MediaFile } from "../../model.js";

/**
 * A file that is already on this machine, read where it is. Links are followed first: what counts is where the file
 * really lies.
 *
 * @throws InvalidSubmissionError if it is not a regular file inside one of `mediaRoots`; UnscannableError if it is
 *   missing, cannot be opened or is larger than `maxBytes`; TransientError if it, or a folder above it, changes meanwhile.
 */
export async function openLocalFile(
  path: string,
  options: { mediaRoots: string[]; maxBytes: number },
  signal: AbortSignal,
): Promise<MediaFile> {
  const real = await realPathInside(path, options.mediaRoots);
  const file = await openForReading(real);
  try {
    await refuseReplaced(file, real);
    const stat = await file.stat();
    if (!stat.isFile()) throw new InvalidSubmissionError("media.path", "is not a file: give the path of one image or video");
    if (stat.size > options.maxBytes) throw tooLarge(options.maxBytes);
    const { sha256, bytes } = await digest(file, options.maxBytes, signal);
    const after = await file.stat();
    if (after.size !== stat.size || after.mtimeMs !== stat.mtimeMs) throw new TransientError("the file is still being written");
    return { path: real, sha256, bytes, dispose: async () => {} };
  } finally {
    await file.close();
  }
}

export function tooLarge(maxBytes: number): UnscannableError {
  return new UnscannableError(`the file is larger than the limit of ${maxBytes} bytes`);
}

async function realPathInside(path: string, mediaRoots: string[]): Promise<string> {
  const outside = new InvalidSubmissionError(
    "media.path",
    "lies outside the folders that may be read: move the file into one of them, or add its folder to MEDIA_ROOTS",
  );
  if (path.includes("\0")) throw outside;
  const roots = await Promise.all(mediaRoots.map((root) => realpath(root).catch(() => resolve(root))));
  try {
    const real = await realpath(path);
    if (isInsideOneOf(real, roots)) return real;
  } catch (error) {
    // Whether a file outside exists is nobody's business: only inside is it said to be missing.
    if (isInsideOneOf(resolve(path), [...roots, ...mediaRoots.map((root) => resolve(root))])) {
      throw new UnscannableError("the file does not exist or cannot be reached", codeOf(error));
    }
  }
  throw outside;
}

function isInsideOneOf(path: string, roots: string[]): boolean {
  return roots.some((root) => {
    const from = relative(root, path);
    return from !== "" && from !== ".." && !from.startsWith("../") && !isAbsolute(from);
  });
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    // Non-blocking: opening a named pipe would wait for its writer.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENXIO")
      throw new InvalidSubmissionError("media.path", "is not a file: give the path of one image or video");
    throw new UnscannableError("the file cannot be opened: check that the worker may read it", codeOf(error));
  }
}

/** A folder on the way may have become a link after its path was resolved: the system knows where what we opened lies. */
async function refuseReplaced(file: FileHandle, real: string): Promise<void> {
  const opened = await readlink(`/proc/self/fd/${file.fd}`).catch(() => real);
  if (opened !== real) throw new TransientError("the file was replaced while it was opened");
}

/** Read into the same memory again and again: as new pieces, a film would be all garbage. */
const PIECE_BYTES = 1 << 18;

/**
 * SHA-256 (hexadecimal) and length of an open file.
 *
 * @throws UnscannableError if there are more than `maxBytes`, also when it grows while it is read.
 */
export async function digest(
  file: FileHandle,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, piece.length, bytes);
    signal.throwIfAborted();
    if (bytesRead === 0) return { sha256: hash.digest("hex"), bytes };
    hash.update(piece.subarray(0, bytesRead));
    bytes += bytesRead;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
