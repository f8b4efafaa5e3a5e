import type { Pool } from "pg";
import type { LearnSteps } from "../casework/learn.js";
import type { CaseworkSettings } from "../casework/settings.js";
import type { Config } from "../config.js";
import type { IntakeClient } from "../intake/client.js";
import type { Found, MediaSource, NewReference, Reading, Verdict } from "../model.js";
import type { Log } from "../platform/log.js";
import type { Queues } from "../platform/queues.js";
import type { Registration } from "../register.js";
import type { Readiness } from "./readiness.js";

/** What the pages and the API work with, handed in by the service. */
export interface Parts {
  config: Config;
  log: Log;
  pool: Pool;
  queues: Queues;
  settings: CaseworkSettings;
  intake: IntakeClient;
  /** What a confirmation teaches the index, and what undoing it takes back. */
  acts: LearnSteps;
  /**
   * "Is this known?": reads media and judges it; records nothing. Files must lie in `MEDIA_ROOTS` or be a file the caller made in
   * `MEDIA_TMP_DIR`; addresses are held to the same rules as a submission's.
   *
   * @throws UnscannableError, TransientError, InvalidSubmissionError as a scan does.
   */
  check(media: MediaSource, signal: AbortSignal): Promise<{ reading: Reading; found: Found; verdict: Verdict }>;
  /** New known material: fingerprints it, indexes it, looks back. Throws as {@link check} does. */
  register(media: MediaSource, reference: NewReference, signal: AbortSignal): Promise<Registration>;
  /** What works and what does not, as /health/ready says. */
  readiness?(): Promise<Readiness>;
}
