import { keptPatchSets } from "../../fingerprint/kept.js";
import { parseJob, type ScanJob } from "../../intake/job.js";
import type { MediaSource, Reading } from "../../model.js";

/** About 5 MiB as JSON. */
const MOST_PATCH_SETS = 2_000;

/** A reading that can go through the queue: of a longer video only the patches that an index would keep. */
export const forTheQueue = (reading: Reading): Reading =>
  reading.patchSets.length > MOST_PATCH_SETS
    ? { ...reading, patchSets: keptPatchSets(reading.patchSets, reading.kind) }
    : reading;

/**
 * The media of a request, as a job's would be read.
 *
 * @throws InvalidSubmissionError naming a field below `media`.
 */
export const mediaOf = (media: ScanJob["media"]): MediaSource => parseJob({ version: 1, submissionId: "request", media }).media;
