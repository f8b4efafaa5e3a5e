import type { Pool, PoolClient } from "pg";
import { withInverted } from "../fingerprint/fingerprint-frame.js";
import { LISTED } from "../fingerprint/meta-pdq.js";
import { unpackLongPatchSets, unpackPatchSets } from "../fingerprint/pack-patches.js";
import {
  DIHEDRALS,
  type MediaKind,
  type PastSubmission,
  type Query,
  type ReferenceSummary,
  type Submission,
  type Verdict,
} from "../model.js";
import { type Db, transaction } from "../platform/database.js";
import { asItIsNow } from "./as-it-is-now.js";
import { withoutDismissed } from "./dismissed.js";
import { actOn, insertVerdict } from "./record.js";
import type { CaseworkSettings } from "./settings.js";

/** Submissions held in memory at a time. */
const PAGE = 500;

interface Row {
  seq: string;
  id: string;
  content: Omit<Submission, "id" | "priority">;
  sha256: string | null;
  kind: MediaKind;
  durationMs: string;
  algorithm: string;
  variants: string[];
  atMs: number[];
  untilMs: number[];
  quality: number[];
  pdq: Buffer;
  blockhash: Buffer;
  patchSets: Buffer;
  longPatchSets: Buffer;
}

const STORED = `
  select s.seq, s.id, s.content, encode(s.media_sha256, 'hex') as sha256, s.kind, s.duration_ms as "durationMs",
         f.algorithm, f.variants, f.at_ms as "atMs", f.until_ms as "untilMs", f.quality, f.pdq, f.blockhash,
         f.patch_sets as "patchSets", f.patches as "longPatchSets"
  from submission s
  join submission_fingerprint f on f.submission_id = s.id`;

/** One submission with its fingerprints, or undefined when they are not kept (any more). */
export async function pastSubmission(db: Db, submissionId: string): Promise<PastSubmission | undefined> {
  const { rows } = await db.query<Row>(`${STORED} where s.id = $1 and f.expires_at > now()`, [submissionId]);
  return rows.length > 0 ? storedSubmission(rows[0]) : undefined;
}

/** Every submission whose fingerprints of this algorithm are still kept, oldest first, a page at a time. */
export async function* pastSubmissions(pool: Pool, algorithm: string): AsyncGenerator<PastSubmission> {
  let after = "0";
  for (;;) {
    const { rows } = await pool.query<Row>(
      `${STORED}
       where s.seq > $1 and f.algorithm = $2 and f.expires_at > now()
       order by s.seq
       limit $3`,
      [after, algorithm, PAGE],
    );
    for (const row of rows) yield storedSubmission(row);
    if (rows.length < PAGE) return;
    after = rows[rows.length - 1].seq;
  }
}

function storedSubmission(row: Row): PastSubmission {
  const all = row.variants.map((variant, i) => ({
    algorithm: row.algorithm,
    variant,
    atMs: row.atMs[i],
    untilMs: row.untilMs[i],
    quality: row.quality[i],
    pdq: row.pdq.subarray(32 * i, 32 * (i + 1)),
    blockhash: row.blockhash.subarray(32 * i, 32 * (i + 1)),
  }));
  const listed = all.find((f) => f.variant === LISTED);
  return {
    submission: { ...row.content, id: row.id, priority: 0 },
    ...(listed && { listed }),
    sha256: row.sha256 ?? undefined,
    kind: row.kind,
    durationMs: Number(row.durationMs),
    fingerprints: all.filter((f) => f !== listed),
    patchSets: [...unpackPatchSets(row.patchSets), ...unpackLongPatchSets(row.longPatchSets)],
  };
}

/**
 * Records that a past submission shows new known material, with its alert and, for a match, its takedown. Returns false,
 * having written nothing, when this look-back was recorded before or the case already knew the submission as surely.
 */
export async function recordLookBack(
  pool: Pool,
  past: PastSubmission,
  verdict: Verdict,
  reference: ReferenceSummary,
  settings: CaseworkSettings,
): Promise<boolean> {
  return transaction(pool, async (tx) => {
    const { id } = past.submission;
    const now = await asItIsNow(tx, verdict, reference);
    if (!now) return false;
    // It may have been erased or forgotten since it was read.
    const { rowCount } = await tx.query("select 1 from submission where id = $1 and content <> '{}' for no key update", [id]);
    if (rowCount === 0 || (await isKnown(tx, past, now.verdict, now.reference))) return false;
    const { verdict: left } = await withoutDismissed(tx, now.verdict, past.sha256);
    if (left.matches.length === 0) return false;
    const verdictId = await insertVerdict(tx, id, left, settings, reference.id);
    if (!verdictId) return false;
    await actOn(tx, { submission: past.submission, verdict: left, verdictId, sha256: past.sha256, kind: "look-back", settings });
    return true;
  });
}

/** Whether the case knows the submission as surely, by a match that was not dismissed or by one that a person confirmed. */
async function isKnown(tx: PoolClient, past: PastSubmission, verdict: Verdict, reference: ReferenceSummary): Promise<boolean> {
  const { rows } = await tx.query(
    `select 1 from match m join verdict v on v.id = m.verdict_id
     where v.submission_id = $1 and m.case_id = $2
       and (m.verdict = 'match' or $3 = 'review'
            or exists (select from alert a where a.verdict_id = v.id and a.state in ('confirmed', 'escalated')))
       and not exists (select from dismissal d where d.reference_id = m.reference_id and d.media_sha256 = decode($4, 'hex'))`,
    [past.submission.id, reference.caseId, verdict.kind, past.sha256 ?? null],
  );
  return rows.length > 0;
}

/** Only views are compared. */
const NO_HASH = new Uint8Array(32);

/** Names look-backs among this database's advisory locks of two numbers; the other one is the reference's place in commit order. */
const LOCK_OF_REFERENCE = "7233003, (seq % 2147483647)::int";
const BY_ID = "from reference where id = $1";

/**
 * Runs `work`, which looks back for this reference, unless another process is at it: then it returns undefined. The lock belongs to a
 * connection that is kept for as long, so that a process that dies leaves the reference to the next one.
 */
export async function alone<T>(pool: Pool, referenceId: string, work: () => Promise<T>): Promise<T | undefined> {
  const holder = await pool.connect();
  let holds = false;
  try {
    const { rows } = await holder.query<{ held: boolean }>(`select pg_try_advisory_lock(${LOCK_OF_REFERENCE}) as held ${BY_ID}`, [
      referenceId,
    ]);
    holds = rows[0]?.held ?? false;
    if (!holds) return undefined;
    try {
      return await work();
    } finally {
      // Fails when the connection was lost, which has given the lock back, and finds nothing when the reference was deleted meanwhile.
      await holder.query(`select pg_advisory_unlock(${LOCK_OF_REFERENCE}) ${BY_ID}`, [referenceId]).then(
        ({ rowCount }) => {
          holds = rowCount === 0;
        },
        () => {},
      );
    }
  } finally {
    holder.release(holds);
  }
}

/** References whose look-back did not finish within a minute after they were added, oldest first. */
export async function interruptedLookBacks(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from reference
     where looked_back_at is null and retired_at is null and created_at < now() - interval '1 minute'
     order by seq limit $1`,
    [PAGE],
  );
  return rows.map(({ id }) => id);
}

/** A reference whose look-back has not finished, with its fingerprints and their views; undefined when it has, or it is retired. */
export async function pendingLookBack(
  pool: Pool,
  referenceId: string,
): Promise<{ reference: ReferenceSummary; fingerprints: Query[] } | undefined> {
  const { rows } = await pool.query<PendingRow>(
    `select r.id, r.case_id as "caseId", r.label, r.kind, r.duration_ms as "durationMs", r.fingerprint_count as "fingerprintCount",
            r.look_back_views as views, array_agg(f.algorithm order by f.id) as algorithms, array_agg(f.variant order by f.id) as variants,
            array_agg(f.at_ms order by f.id) as "atMs", array_agg(f.until_ms order by f.id) as "untilMs", array_agg(f.quality order by f.id) as quality
     from reference r join reference_fingerprint f on f.reference_id = r.id
     where r.id = $1 and r.looked_back_at is null and r.retired_at is null
     group by r.id`,
    [referenceId],
  );
  if (rows.length === 0) return undefined;
  const { views: packed, algorithms, variants, atMs, untilMs, quality, ...reference } = rows[0];
  const fingerprints = algorithms.map((algorithm, i) => {
    const views = DIHEDRALS.map((dihedral, view) => ({
      dihedral,
      pdq: packed.subarray(32 * (8 * i + view), 32 * (8 * i + view + 1)),
    }));
    return {
      algorithm,
      variant: variants[i],
      atMs: atMs[i],
      untilMs: untilMs[i],
      quality: quality[i],
      pdq: views[0].pdq,
      blockhash: NO_HASH,
      views: withInverted(views),
    };
  });
  return { reference: { ...reference, durationMs: Number(reference.durationMs) }, fingerprints };
}

type PendingRow = Omit<ReferenceSummary, "durationMs"> &
  Pick<Row, "durationMs" | "variants" | "atMs" | "untilMs" | "quality"> & { views: Buffer; algorithms: string[] };

/** Marks a reference as searched for in all submissions recorded before it became visible. */
export async function markLookedBack(pool: Pool, referenceId: string): Promise<void> {
  await pool.query("update reference set looked_back_at = now(), look_back_views = null where id = $1", [referenceId]);
}
