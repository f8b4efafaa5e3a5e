import { HIDDEN_KEYS } from "../platform/log.js";
import { hideInText } from "../platform/redact.js";

const HIDDEN = "[hidden]";

/** Besides what the log hides: what the intake added, which may be anything, and the places of files, which may be named after people. */
const hiddenKeys = new Set([...HIDDEN_KEYS, "metadata", "path"].map((key) => key.toLowerCase()));

/** Long lists of hashes: only how many. */
const COUNTED = new Set(["fingerprints", "patchSets"]);

/** Names of jobs, which are digests of submission ids, and which the board's own addresses are made of. */
const NAMES = new Set(["id", "jobId"]);

function maskField(key: string, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (hiddenKeys.has(key.toLowerCase())) return HIDDEN;
  if (COUNTED.has(key) && Array.isArray(value)) return `${value.length} hidden`;
  if (NAMES.has(key) && typeof value === "string") return value;
  return maskJobs(value);
}

/** What the board says of jobs, without URLs of media, hashes and uploaders, wherever they stand (data, results, reasons, stacks). */
export function maskJobs(value: unknown): unknown {
  if (typeof value === "string") return hideInText(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(maskJobs);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, maskField(key, field)]));
}
