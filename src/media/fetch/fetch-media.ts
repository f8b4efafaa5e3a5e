import type { Config } from "../../config.js";
import { UsageError } from "../../errors.js";
import type { MediaFile } from "../../model.js";
import { type Reach, reachOf } from "./allowed-address.js";
import { download } from "./download.js";
import { PageError } from "./download-errors.js";
import { openLocalFile } from "./local-file.js";
import { fetchPage } from "./page-fetch.js";
import { findPageFetcher, type PageFetcher } from "./page-fetcher.js";

export interface FetchOptions extends Reach {
  /** Folders inside which local files may be read. */
  mediaRoots: string[];
  /** Downloads go into a private folder below it. */
  tmpDir: string;
  maxBytes: number;
  /** For the whole download, by the clock on the wall. */
  timeoutMs: number;
  /** Longest silence of a server, and the time in which it has to send 64 KiB. Default 30 s. */
  stallMs?: number;
  /** What gets the video out of a page; without one, a page is unscannable. */
  pageFetcher?: PageFetcher;
  /** Of a page's video. Default 12 h. */
  maxDurationMs?: number;
}

/** Of 107 that the path of a socket may have (unix(7)), "/reupload-XXXXXX/proxy" takes 22. */
const LONGEST_TMP_DIR = 85;

/**
 * As it is configured.
 *
 * @throws UsageError naming the variable if the page fetcher that is asked for does not work here.
 */
export async function fetchOptionsOf(config: Config): Promise<FetchOptions> {
  const pageFetcher = await findPageFetcher(config);
  if (pageFetcher && Buffer.byteLength(config.mediaTmpDir) > LONGEST_TMP_DIR)
    throw new UsageError(`MEDIA_TMP_DIR: may have ${LONGEST_TMP_DIR} bytes with PAGE_FETCHER, whose sockets lie in it`);
  return {
    ...reachOf(config),
    mediaRoots: config.mediaRoots,
    tmpDir: config.mediaTmpDir,
    maxBytes: config.mediaMaxBytes,
    maxDurationMs: config.mediaMaxDurationMs,
    timeoutMs: config.fetchTimeoutMs,
    pageFetcher,
  };
}

/**
 * A readable local copy with its SHA-256. A local file is used where it lies and its `dispose` does nothing; a download
 * is removed by `dispose`, and on every error.
 *
 * @throws InvalidSubmissionError for a path or URL that must not be read; UnscannableError if it is missing, refused, too
 *   large, a page, or leads where nothing is fetched; TransientError if the server or the network failed (with `retryAfterMs` when the
 *   server said it); the signal's reason if aborted.
 */
export async function fetchMedia(
  source: { url: string } | { path: string },
  options: FetchOptions,
  signal: AbortSignal,
): Promise<MediaFile> {
  signal.throwIfAborted();
  if ("path" in source) return openLocalFile(source.path, options, signal);
  try {
    return await download(source.url, options, signal);
  } catch (error) {
    if (!(error instanceof PageError) || !options.pageFetcher) throw error;
    return fetchPage(source.url, options.pageFetcher, options, signal);
  }
}
