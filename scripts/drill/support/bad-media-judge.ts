import { readdir } from "node:fs/promises";
import type { App } from "../../../src/app.js";
import { InvalidSubmissionError, UnscannableError } from "../../../src/errors.js";
import type { VerdictKind } from "../../../src/model.js";
import { within } from "../../../src/platform/deadline.js";
import { judge } from "../../../src/scan.js";
import type { BadInput, Expectation } from "./bad-media.js";

/** What became of an input: a verdict, or "refused" (parked), or "failed": an error that is none of the three that mean something. */
export interface Judgement {
  verdict: VerdictKind | "refused" | "failed";
  reason: string;
  framesRead: number;
  /** Between the input and the known picture, of 256. */
  medianBits?: number;
  tookMs: number;
}

/** Longer than a reading may take (`SCAN_TIMEOUT_MS`) by so much, and it hangs. */
const GRACE_MS = 15_000;

/** Reads and judges as a worker does, up to recording it. Never throws, but for the signal's reason. */
export async function judgeMedia(app: App, media: { path: string } | { url: string }, signal: AbortSignal): Promise<Judgement> {
  const fromMs = performance.now();
  const told = (about: Omit<Judgement, "tookMs">): Judgement => ({ ...about, tookMs: performance.now() - fromMs });
  try {
    const reading = await within(app.config.scanTimeoutMs + GRACE_MS, signal, (late) => app.scanSteps.read(media, late));
    const { verdict } = await judge(app.scanSteps, reading);
    const medianBits = verdict.matches[0]?.medianDistanceBits ?? undefined;
    return told({ verdict: verdict.kind, reason: verdict.reasons.join(" "), framesRead: reading.framesRead, medianBits });
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof UnscannableError) return told({ verdict: "unscannable", reason: error.reason, framesRead: 0 });
    if (error instanceof InvalidSubmissionError) return told({ verdict: "refused", reason, framesRead: 0 });
    return told({ verdict: "failed", reason, framesRead: 0 });
  }
}

/** What is wrong with a judgement, in words; empty when nothing is. */
export function complaintsAbout({ expect }: Pick<BadInput, "expect">, judgement: Judgement, secrets: string[]): string[] {
  const { verdict, framesRead, medianBits, reason } = judgement;
  const complaints = wrongVerdict(expect, judgement);
  if (verdict === "clear" && framesRead === 0) complaints.push("clear without a single picture");
  if (expect.verdict === "match" && expect.withinBits !== undefined && (medianBits ?? 0) > expect.withinBits)
    complaints.push(`${medianBits} bits from the known picture, not ${expect.withinBits}`);
  if (["unscannable", "refused"].includes(verdict)) complaints.push(...wrongSentence(reason, secrets));
  return complaints;
}

function wrongVerdict(expect: Expectation, { verdict, reason }: Judgement): string[] {
  const complaint = (wanted: string) => [`${verdict} (${reason}), not ${wanted}`];
  if (verdict === "failed") return complaint("a verdict");
  if (expect.verdict === "either") return verdict === "refused" ? complaint("read") : [];
  if (verdict !== expect.verdict) return complaint(expect.verdict);
  return "because" in expect && !expect.because.test(reason) ? complaint(`because of ${expect.because}`) : [];
}

/** A person reads it: one sentence, without paths, addresses, stacks, or what a program says to programs. */
function wrongSentence(reason: string, secrets: string[]): string[] {
  const wrong = [
    reason.length < 10 && "too short",
    reason.length > 300 && "too long",
    /\n|\bat .+:\d+:\d+|Error:|\[object|undefined|NaN|\b0x[0-9a-f]{4}/.test(reason) && "not for a person",
    secrets.some((secret) => reason.includes(secret)) && "names a path or an address",
  ].filter((word) => word !== false);
  return wrong.map((word) => `the reason is ${word}: ${reason}`);
}

/** What lies in the folder for temporary files. */
export const leftIn = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();
