import type { MediaFile } from "../model.js";
import { download } from "./download.js";
import { openLocalFile } from "./local-file.js";

export interface FetchOptions {
  /** Folders inside which local files may be read. */
  mediaRoots: string[];
  /** Downloads go into a private folder below it. */
  tmpDir: string;
  maxBytes: number;
  /** For the whole download, by the clock on the wall. */
  timeoutMs: number;
  allowPrivateAddresses: boolean;
  /** Longest silence of a server. Default 30 s. */
  stallMs?: number;
}

/**
 * A readable local copy with its SHA-256. A local file is used where it lies and its `dispose` does nothing; a download
 * is removed by `dispose`, and on every error.
 *
 * @throws InvalidSubmissionError for a path or URL that must not be read; UnscannableError if it is missing, refused or
 *   too large; TransientError if the server or the network failed; the signal's reason if aborted.
 */
export async function fetchMedia(
  source: { url: string } | { path: string },
  options: FetchOptions,
  signal: AbortSignal,
): Promise<MediaFile> {
  signal.throwIfAborted();
  return "path" in source ? await openLocalFile(source.path, options, signal) : await download(source.url, options, signal);
}
