import type { Pool, PoolClient } from "pg";
import { TransientError, UsageError } from "../errors.js";
import { PATCH_BYTES } from "../fingerprint/patches.js";
import type { Fingerprint, KnownMaterial, KnownPatch, NewReference, Reading } from "../model.js";
import { type Db, transaction } from "../platform/database.js";
import { holdAlert } from "./held-alert.js";
import { addEvent, eventsOf, SERVICE, standingDecisions } from "./history.js";
import { type LessonMatch, lessonFrom } from "./lesson.js";
import { pastSubmission } from "./look-back.js";

/** What a confirmation does to the index, handed in: stages do not import one another. */
export interface LearnSteps {
  /** Adds a further reference; the same file again in the same case gives the reference it already is. */
  learn?: (reference: NewReference & { learnedFrom: string }, reading: Reading) => Promise<{ id: string }>;
  /** Stops a reference from matching. */
  retire?: (referenceId: string) => Promise<void>;
}

/** The provenance of references that were learned. */
export const LEARNED = "confirmed re-upload";

/**
 * Makes a confirmed re-upload a further reference of its case, so that a copy of this copy is recognised as well; the history of the alert
 * says what was learned, or why nothing was. Does nothing when that was done, or the confirmation does not stand. Should the database be
 * away, {@link settleLessons} does it later: the confirmation stands in any case.
 */
export async function learnFrom(pool: Pool, alertId: string, steps: LearnSteps): Promise<void> {
  if (!steps.learn) return;
  try {
    const subject = await subjectOf(pool, alertId);
    if (!subject) return;
    const lesson = await lessonOf(pool, subject);
    if ("why" in lesson) return await note(pool, alertId, { why: lesson.why });
    const label = `re-upload ${subject.submissionId}`.slice(0, 200);
    const reference = { caseId: subject.caseId, label, provenance: LEARNED, learnedFrom: subject.submissionId };
    const { id } = await steps.learn(reference, lesson.reading);
    if (!(await noteLearned(pool, alertId, subject, id, lesson.reading))) await forget(pool, alertId, steps);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
  }
}

interface Subject {
  submissionId: string;
  caseId: string;
  verdictId: string;
}

/** Undefined when there is nothing to learn, or not any more. */
async function subjectOf(pool: Pool, alertId: string): Promise<Subject | undefined> {
  const { rows } = await pool.query<Subject>(
    `select submission_id as "submissionId", case_id as "caseId", verdict_id as "verdictId" from alert
     where id = $1 and case_id is not null`,
    [alertId],
  );
  const events = await eventsOf(pool, alertId);
  return rows.length > 0 && awaitsLesson(events) ? rows[0] : undefined;
}

function awaitsLesson(events: Awaited<ReturnType<typeof eventsOf>>): boolean {
  const confirmed = standingDecisions(events).find((d) => d.act === "confirmed");
  if (!confirmed) return false;
  return !events.slice(events.indexOf(confirmed)).some((e) => e.act === "learned" || e.act === "not learned");
}

async function lessonOf(pool: Pool, subject: Subject): Promise<{ reading: Reading } | { why: string }> {
  const past = await pastSubmission(pool, subject.submissionId);
  if (!past) return { why: "its fingerprints are no longer kept" };
  const known = await pool.query(
    "select 1 from reference where case_id = $1 and sha256 = decode($2, 'hex') and retired_at is null",
    [subject.caseId, past.sha256 ?? null],
  );
  if (known.rows.length > 0) return { why: KNOWN_FILE };
  return lessonFrom(past, await lessonMatches(pool, subject));
}

const KNOWN_FILE = "the case knows this very file already";

async function lessonMatches(db: Db, subject: Subject): Promise<LessonMatch[]> {
  const { rows } = await db.query<Omit<LessonMatch, "known"> & { referenceId: string }>(
    `select m.reference_id as "referenceId", m.segments, m.transform, m.median_distance_bits as "medianDistanceBits",
            m.coverage_of_submission as "coverageOfSubmission"
     from match m where m.verdict_id = $1 and m.case_id = $2`,
    [subject.verdictId, subject.caseId],
  );
  const matches: LessonMatch[] = [];
  for (const { referenceId, ...match } of rows) matches.push({ ...match, known: await materialOf(db, referenceId) });
  return matches;
}

async function materialOf(db: Db, referenceId: string): Promise<KnownMaterial> {
  const fingerprints = await db.query<Omit<Fingerprint, "blockhash">>(
    `select algorithm, variant, at_ms as "atMs", until_ms as "untilMs", quality, substring(bit_send(pdq) from 5) as pdq
     from reference_fingerprint where reference_id = $1 order by id`,
    [referenceId],
  );
  const patches = await db.query<KnownPatch>(
    `select id, reference_id as "referenceId", at_ms as "atMs", until_ms as "untilMs", x, y, side,
            substring(hash for ${PATCH_BYTES}) as hash
     from reference_patch where reference_id = $1 order by id`,
    [referenceId],
  );
  return { fingerprints: fingerprints.rows.map((f) => ({ ...f, blockhash: new Uint8Array(0) })), patches: patches.rows };
}

/** False when the confirmation was taken back while the reference was added: then that must go again. */
async function noteLearned(
  pool: Pool,
  alertId: string,
  subject: Subject,
  referenceId: string,
  reading: Reading,
): Promise<boolean> {
  return transaction(pool, async (tx) => {
    const alert = await holdAlert(tx, alertId);
    const { rowCount } = await tx.query(
      `update reference set learned_from = $2
       where id = $1 and provenance = $3 and (learned_from is null or learned_from = $2)`,
      [referenceId, subject.submissionId, LEARNED],
    );
    if (!alert || !awaitsLesson(alert.events)) return false;
    if (rowCount === 0) {
      await addEvent(tx, alertId, { actor: SERVICE, act: "not learned", detail: { why: KNOWN_FILE } });
      return true;
    }
    await inheritDismissals(tx, subject, referenceId);
    const detail = { referenceId, pictures: reading.fingerprints.length, ofPictures: reading.framesRead };
    await addEvent(tx, alertId, { actor: SERVICE, act: "learned", detail });
    return true;
  });
}

/** A file that was found not to show the known material does not show this variant of it either. */
async function inheritDismissals(tx: PoolClient, subject: Subject, referenceId: string): Promise<void> {
  await tx.query(
    `insert into dismissal (reference_id, media_sha256, alert_id, actor, reason)
     select $1, d.media_sha256, d.alert_id, d.actor, d.reason
     from match m join dismissal d on d.reference_id = m.reference_id
     where m.verdict_id = $2 and m.case_id = $3
     on conflict do nothing`,
    [referenceId, subject.verdictId, subject.caseId],
  );
}

async function note(pool: Pool, alertId: string, detail: { why: string }): Promise<void> {
  await transaction(pool, async (tx) => {
    const alert = await holdAlert(tx, alertId);
    if (alert && awaitsLesson(alert.events)) await addEvent(tx, alertId, { actor: SERVICE, act: "not learned", detail });
  });
}

/**
 * Retires what was learned from an alert's submission when no confirmation of it stands. Where another submission of the same file is
 * confirmed for the case, the reference is that one's from now on.
 */
export async function forget(pool: Pool, alertId: string, steps: LearnSteps): Promise<void> {
  if (!steps.retire) return;
  const { rows } = await pool.query<{ id: string }>(
    `select r.id from alert a join reference r on r.learned_from = a.submission_id
     where a.id = $1 and r.provenance = $2 and r.retired_at is null`,
    [alertId, LEARNED],
  );
  for (const { id } of rows) await forgetOne(pool, id, steps.retire);
}

const CONFIRMED = "state in ('confirmed', 'escalated')";

async function forgetOne(pool: Pool, referenceId: string, retire: NonNullable<LearnSteps["retire"]>): Promise<void> {
  const { rows } = await pool.query<{ isHeld: boolean }>(
    `with heir as (
       select s.id from reference r join submission s on s.media_sha256 = r.sha256
       join alert a on a.submission_id = s.id and a.case_id = r.case_id and a.${CONFIRMED}
       where r.id = $1 order by s.id = r.learned_from desc, s.seq limit 1
     ), handed as (
       update reference r set learned_from = heir.id from heir where r.id = $1 and r.learned_from <> heir.id
     )
     select exists (select from heir) as "isHeld"`,
    [referenceId],
  );
  if (rows[0].isHeld) return;
  await retire(referenceId).catch((error: unknown) => {
    // Somebody else was quicker, and it is retired already.
    if (!(error instanceof UsageError)) throw error;
  });
}

/**
 * Finishes what a crash or an outage interrupted: lessons that nothing was noted of a minute after the confirmation, and references whose
 * confirmation was taken back. Run now and then; returns how much there was to do.
 */
export async function settleLessons(pool: Pool, steps: LearnSteps): Promise<{ lessons: number; forgotten: number }> {
  const lessons = await pool.query<{ id: string }>(
    `select distinct e.alert_id as id from alert_event e join alert a on a.id = e.alert_id
     where e.act = 'confirmed' and e.created_at between now() - interval '7 days' and now() - interval '1 minute'
       and a.${CONFIRMED} and a.case_id is not null
       and not exists (select from alert_event l where l.alert_id = e.alert_id and l.id > e.id and l.act in ('learned', 'not learned', 'undone'))
     limit 100`,
  );
  if (steps.learn) for (const { id } of lessons.rows) await learnFrom(pool, id, steps);
  const forgotten = await pool.query<{ id: string }>(
    `select r.id from reference r
     where r.learned_from is not null and r.provenance = $1 and r.retired_at is null
       and not exists (select from alert a where a.submission_id = r.learned_from and a.${CONFIRMED})
     limit 100`,
    [LEARNED],
  );
  if (steps.retire) for (const { id } of forgotten.rows) await forgetOne(pool, id, steps.retire);
  return { lessons: lessons.rows.length, forgotten: forgotten.rows.length };
}
