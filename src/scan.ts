import { UnscannableError } from "./errors.js";
import type { Found, MediaSource, Outcome, Reading, Submission, Verdict } from "./model.js";
import { type KeyframesFirst, plainly, type ReadSteps, type RunStage } from "./read-fingerprints.js";
import { decide, firstLook, unscannable } from "./verdict/decide.js";
import { isSurer } from "./verdict/denser.js";
import type { Policy } from "./verdict/policy.js";

/** The I/O of a scan, handed in by main. `Tx` is the transaction that records the outcome. */
export interface ScanSteps<Tx> {
  /** What an earlier run recorded for the same submission. */
  earlierOutcome(submission: Submission): Promise<Outcome | undefined>;
  read(media: MediaSource, signal: AbortSignal): Promise<Reading>;
  lookup(reading: Reading): Promise<Found>;
  /** Looks again, inside the recording transaction, if references have come in or gone since `seenSeq`. */
  lookupIfChanged(tx: Tx, reading: Reading, seenSeq: string): Promise<Found | undefined>;
  record(submission: Submission, settle: (tx: Tx) => Promise<{ reading?: Reading; verdict: Verdict }>): Promise<Outcome>;
  policy: Policy;
  /** Runs each stage, for whoever traces. */
  stage?: RunStage;
}

/** What happened, for the log and the metrics. */
export interface Scanned {
  outcome: Outcome;
  reading?: Reading;
  /** How long looking up, deciding and recording took; recording waits for its transaction. */
  timingsMs?: { lookup: number; align: number; record: number };
  /** Why the media could not be read. */
  failure?: UnscannableError;
}

/**
 * The story of one submission: read it, look its pictures up among the known ones, decide, record.
 * Asked twice about the same submission, it gives the first outcome again.
 *
 * @throws InvalidSubmissionError when the id was used for other content, or the media's place is not allowed.
 * @throws TransientError when trying again may help.
 */
export async function scan<Tx>(steps: ScanSteps<Tx>, submission: Submission, signal: AbortSignal): Promise<Scanned> {
  const earlier = await steps.earlierOutcome(submission);
  if (earlier) return { outcome: earlier };

  const reading = await readOrFailure(steps, submission.media, signal);
  if (reading instanceof UnscannableError) return recordUnscannable(steps, submission, reading);

  const judged = await judge(steps, reading);
  const { found, verdict, timingsMs } = judged;
  const recordFromMs = performance.now();
  const { stage = plainly } = steps;
  const settle = async (tx: Tx) => {
    const newer = await steps.lookupIfChanged(tx, judged.reading, found.seenSeq);
    return { reading: judged.reading, verdict: newer ? decide(judged.reading, newer, steps.policy) : verdict };
  };
  const outcome = await stage("record", () => steps.record(submission, settle));
  return { outcome, reading, timingsMs: { ...timingsMs, record: performance.now() - recordFromMs } };
}

/** What a reading says, and which one that is: a denser one, or the one before it. */
export interface Judgement {
  reading: Reading;
  found: Found;
  verdict: Verdict;
  timingsMs: { lookup: number; align: number };
}

/**
 * The middle of the story, which a dry run shares: look the pictures up and decide, with the time each took. Records nothing. Of a video that was read again more
 * densely the denser reading counts where it makes a match of it, else the one before.
 */
export async function judge<Tx>(steps: Pick<ScanSteps<Tx>, "lookup" | "policy" | "stage">, reading: Reading): Promise<Judgement> {
  const judged = await judgeOne(steps, reading);
  if (!reading.before || isSurer(judged.verdict, steps.policy)) return judged;
  return judgeOne(steps, reading.before);
}

async function judgeOne<Tx>(steps: Pick<ScanSteps<Tx>, "lookup" | "policy" | "stage">, reading: Reading): Promise<Judgement> {
  const lookupFromMs = performance.now();
  const { stage = plainly } = steps;
  const found = await stage("lookup", () => steps.lookup(reading));
  const alignFromMs = performance.now();
  const verdict = stage("align", () => decide(reading, found, steps.policy));
  return {
    reading,
    found,
    verdict,
    timingsMs: { lookup: found.tookMs ?? alignFromMs - lookupFromMs, align: performance.now() - alignFromMs },
  };
}

/**
 * A lookup, and the questions of a reading whose answers are found by it: what a part of a video shows, and whether a denser reading may tell. What was looked
 * up to answer is not looked up again to judge by it: the same pictures, though not the same reading.
 */
export function lookingOnce(
  lookup: (reading: Reading) => Promise<Found>,
  policy: Policy,
): Pick<ScanSteps<never>, "lookup"> & Pick<KeyframesFirst, "look"> & Required<Pick<ReadSteps, "isWorthDenser">> {
  const found = new WeakMap<Reading["fingerprints"], Found>();
  const once = async (reading: Reading) => {
    const fromMs = performance.now();
    const known = await lookup(reading);
    found.set(reading.fingerprints, { ...known, tookMs: performance.now() - fromMs });
    return known;
  };
  return {
    lookup: async (reading) => found.get(reading.fingerprints) ?? (await lookup(reading)),
    look: async (reading) => firstLook(reading, await once(reading), policy),
    isWorthDenser: async (reading) => decide(reading, await once(reading), policy).denserMayTell ?? false,
  };
}

/** Records that a person must look, because the program cannot. */
export async function recordUnscannable<Tx>(
  steps: Pick<ScanSteps<Tx>, "record" | "policy" | "stage">,
  submission: Submission,
  failure: UnscannableError,
): Promise<Scanned> {
  const { stage = plainly } = steps;
  const verdict = unscannable(failure.reason, steps.policy);
  const outcome = await stage("record", () => steps.record(submission, async () => ({ verdict })));
  return { outcome, failure };
}

async function readOrFailure<Tx>(
  steps: ScanSteps<Tx>,
  media: MediaSource,
  signal: AbortSignal,
): Promise<Reading | UnscannableError> {
  try {
    return await steps.read(media, signal);
  } catch (error) {
    if (error instanceof UnscannableError) return error;
    throw error;
  }
}
