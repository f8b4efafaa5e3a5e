import { UnscannableError } from "./errors.js";
import { hitsAgainst } from "./fingerprint/hits-against.js";
import { byMoment, knownPatches, searchPatches } from "./fingerprint/patch-hits.js";
import type {
  KnownPatch,
  MediaSource,
  NewReference,
  PastSubmission,
  Query,
  Reading,
  ReferenceSummary,
  Registered,
  Verdict,
} from "./model.js";
import { decide } from "./verdict/decide.js";
import type { Policy } from "./verdict/policy.js";

/** The I/O of a registration, handed in by main. */
export interface RegisterSteps {
  read(media: MediaSource, signal: AbortSignal): Promise<Reading>;
  add(reference: NewReference, reading: Reading): Promise<Registered>;
  /** Submissions recorded before now whose fingerprints are still kept. */
  past(): AsyncIterable<PastSubmission>;
  /** False when there was nothing to tell that an earlier alert had not told. */
  recordLookBack(past: PastSubmission, verdict: Verdict, reference: ReferenceSummary): Promise<boolean>;
  lookedBack(referenceId: string): Promise<void>;
  policy: Policy;
}

export interface Registration {
  reference: Registered;
  reading: Reading;
  /** Earlier uploads of the same material for which an alert was raised. */
  earlierUploads: number;
}

/**
 * The story of new known material: fingerprint it, index it, and look back over past submissions for uploads of it
 * that nobody could recognise then.
 *
 * @throws UnscannableError when it cannot be read, or has no picture that could be recognised again.
 */
export async function register(
  steps: RegisterSteps,
  media: MediaSource,
  reference: NewReference,
  signal: AbortSignal,
): Promise<Registration> {
  const reading = await steps.read(media, signal);
  if (reading.fingerprints.length === 0) {
    throw new UnscannableError(`none of its ${reading.framesRead} pictures has enough detail to be recognised again`);
  }
  const registered = await steps.add(reference, reading);
  const earlierUploads = registered.repeated
    ? 0
    : await lookBack(
        steps,
        registered,
        { fingerprints: reading.fingerprints, patches: knownPatches(registered.id, reading.patchSets) },
        signal,
      );
  return { reference: registered, reading, earlierUploads };
}

/** Searches past submissions for one reference; returns for how many an alert was raised. Safe to repeat. */
export async function lookBack(
  steps: Pick<RegisterSteps, "past" | "recordLookBack" | "lookedBack" | "policy">,
  reference: ReferenceSummary,
  known: { fingerprints: Query[]; patches: KnownPatch[] },
  signal: AbortSignal,
): Promise<number> {
  const moments = byMoment(known.patches);
  const material = new Map([[reference.id, known]]);
  let raised = 0;
  for await (const past of steps.past()) {
    signal.throwIfAborted();
    const hits = hitsAgainst(past.fingerprints, reference.id, known.fingerprints, steps.policy.withinBits);
    const parts = await searchPatches(past.patchSets, async () => known.patches);
    if (hits.length === 0 && parts.length === 0) continue;
    const judged = { ...past, framesRead: past.fingerprints.length, framesUnusable: 0 };
    const verdict = decide(
      judged,
      { hits, patchHits: parts, moments, material, references: new Map([[reference.id, reference]]) },
      steps.policy,
    );
    if (verdict.kind !== "match" && verdict.kind !== "review") continue;
    if (verdict.matches.length > 0 && (await steps.recordLookBack(past, verdict, reference))) raised++;
  }
  await steps.lookedBack(reference.id);
  return raised;
}
