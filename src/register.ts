import { UnscannableError } from "./errors.js";
import { hitsAgainst } from "./fingerprint/hits-against.js";
import { byMoment, knownPatches, searchPatches } from "./fingerprint/patch-hits.js";
import type {
  Hit,
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
  /** Asked for after every few milliseconds of work: lets whatever else this process does have its turn. */
  rest(): Promise<void>;
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
  steps: Pick<RegisterSteps, "past" | "recordLookBack" | "lookedBack" | "rest" | "policy">,
  reference: ReferenceSummary,
  known: { fingerprints: Query[]; patches: KnownPatch[] },
  signal: AbortSignal,
): Promise<number> {
  const moments = byMoment(known.patches);
  const material = new Map([[reference.id, known]]);
  let raised = 0;
  for await (const past of steps.past()) {
    signal.throwIfAborted();
    await steps.rest();
    const hits = await hitsIn(past, reference.id, known.fingerprints, steps);
    const parts = await searchPatches(past.patchSets, async () => {
      await steps.rest();
      return known.patches;
    });
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

/** So many pairs of hashes are compared in 4 ms. */
const PAIRS_AT_ONCE = 50_000;

/** {@link hitsAgainst} of some pictures at a time: an hour of each is half a billion pairs. */
async function hitsIn(
  { fingerprints }: PastSubmission,
  referenceId: string,
  known: Query[],
  { policy, rest }: Pick<RegisterSteps, "policy" | "rest">,
): Promise<Hit[]> {
  const views = known.reduce((sum, { views }) => sum + views.length, 1);
  const atOnce = Math.max(1, Math.floor(PAIRS_AT_ONCE / views));
  const hits: Hit[] = [];
  for (let from = 0; from < fingerprints.length; from += atOnce) {
    const some = hitsAgainst(fingerprints.slice(from, from + atOnce), referenceId, known, policy.withinBits);
    for (const hit of some) hits.push({ ...hit, query: hit.query + from });
    await rest();
  }
  return hits;
}
