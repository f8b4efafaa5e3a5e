import { TransientError, UnscannableError } from "../../errors.js";
import type { Refusal } from "./filtering-proxy.js";
import { tooLarge } from "./local-file.js";

/** What a run of yt-dlp that brought no file left behind. */
export interface Failed {
  host: string;
  exitCode: number;
  /** The ends of what it said. */
  stdout: string;
  stderr: string;
  refusals: Set<Refusal>;
  maxBytes: number;
  maxDurationMs: number;
}

/** yt-dlp's words, first come first served. What a page may be able to show later is transient; all else is the page's last word. */
const WORDS: [RegExp, string, "again"?][] = [
  [/not available (in|from) your (country|location)|geo.?restrict|blocked it in your country/i, "is not shown in this country"],
  [/HTTP Error (408|425|429|5\d\d)|too many requests|rate.?limit/i, "is busy or asks us to come later", "again"],
  [
    /private video|log.?in|sign.?in|account|authenticat|password|members.only|subscri|HTTP Error 40[13]/i,
    "is private or needs a sign-in",
  ],
  [
    /HTTP Error (404|410|451)|removed|deleted|terminated|does not exist|no longer|unavailable|not available/i,
    "is not there any more",
  ],
  [/DRM/i, "is copy-protected"],
  [/unsupported url|no video|no media|no formats|unable to extract|not a valid url/i, "holds no video that could be fetched"],
  [
    /timed? ?out|reset by peer|refused|incompleteread|remote end closed|name resolution|unreachable|tunnel connection failed: 5/i,
    "",
    "again",
  ],
];

/** Never quotes what yt-dlp said, which holds the address: that is the error's detail. */
export function explainFailure(failed: Failed): UnscannableError | TransientError {
  const { host, stdout, stderr, refusals, maxBytes } = failed;
  const detail = stderr.slice(-2000);
  const page = `the page of ${host}`;
  if (refusals.has("too many bytes") || /larger than max-filesize|File too large/i.test(stdout + stderr))
    return tooLarge(maxBytes);
  if (/does not pass filter/.test(stdout)) return new UnscannableError(`${page} ${filtered(failed)}`, detail);
  if (refusals.has("private address"))
    return new UnscannableError(`${page} leads to an address inside a private network, which is not fetched`, detail);
  if (refusals.has("port"))
    return new UnscannableError(`${page} leads to a port that is not asked: MEDIA_PORTS names those that are`, detail);
  const said = stderr
    .split("\n")
    .filter((line) => line.startsWith("ERROR"))
    .join("\n");
  const [, meaning, again] = WORDS.find(([words]) => words.test(said)) ?? [undefined, "holds no video that could be fetched"];
  if (again) return new TransientError(`${page} ${meaning || "could not be fetched"}`);
  return new UnscannableError(`${page} ${meaning}`, detail);
}

function filtered({ stdout, maxDurationMs }: Failed): string {
  // Of a page with several, two are looked at, and neither passes.
  if (stdout.split("does not pass filter").length > 2) return "shows several videos: submit the address of each by itself";
  return `shows a live stream, or a video longer than the limit of ${Math.round(maxDurationMs / 60_000)} minutes`;
}
