import { randomUUID } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { UsageError } from "../errors.js";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { changeIndex } from "../platform/index-lock.js";
import { lineOf } from "./case-fields.js";
import { announceWithdrawals, forgetMessages, type Names } from "./erase/messages.js";
import { forgetPostings } from "./erase/postings.js";
import type { InQueues } from "./erase/queues.js";
import { countReferences, emptyReferences } from "./erase/references.js";
import { alertsThatGo, leaveSharedSubmissions, submissionsOf } from "./erase/shared.js";
import { deleteSubmissions, hangingOn, makeNameless } from "./erase/submissions.js";

/** What an erasure removed, by count; the same stands in the audit log. */
export interface Receipt {
  /** Names the erasure; in the audit log as well. */
  id: string;
  counts: Record<string, number>;
  /** For `eraseFromQueues`, to be called after the erasure. Kept nowhere. */
  inQueues: InQueues;
}

/**
 * Erases a case, and the cases that were merged into it: known material with its fingerprints, patches and postings; the submissions that
 * only it has, with everything recorded of them; queue messages, parked jobs, kept answers. A submission that another case has as well
 * stays with that one, and says nothing more of this. Takedowns still asked for are withdrawn. What stays are the audit log and this
 * receipt in it, which count and name nothing but the case's id.
 *
 * @throws UsageError naming the field when there is no such case, it was merged away, or no reason is given.
 */
export async function eraseCase(pool: Pool, id: string, actor: string, reason: string): Promise<Receipt> {
  const why = reasonOf(reason);
  return transaction(pool, async (tx) => {
    await changeIndex(tx);
    return eraseCaseIn(tx, id, actor, why);
  });
}

/** The same in a transaction that holds the index lock. */
export async function eraseCaseIn(tx: PoolClient, id: string, actor: string, reason: string): Promise<Receipt> {
  const caseIds = await casesThatGo(tx, id);
  const { own, shared } = await submissionsOf(tx, caseIds);
  const hanging = await hangingOn(tx, own);
  const alertIds = [...hanging.alertIds, ...(await alertsThatGo(tx, shared, caseIds))];
  const references = await idsOf(tx, "select id from reference where case_id = any($1::text[])", [caseIds]);
  const counts = {
    cases: caseIds.length,
    ...(await countReferences(tx, references)),
    submissions: own.length,
    submissionsKeptForOtherCases: shared.length,
    alerts: alertIds.length,
    takedowns: hanging.takedownIds.length,
  };
  await forgetPostings(tx, references);
  const left = await leaveSharedSubmissions(tx, shared, caseIds);
  const names = { submissionIds: own, alertIds, takedownIds: [...hanging.takedownIds, ...left.withdrawn] };
  const messages = await forgetMessages(tx, { ...names, others: [...caseIds, ...references] });
  await deleteSubmissions(tx, own);
  await tx.query(`delete from "case" where id = any($1::text[])`, [caseIds]);
  await announceWithdrawals(tx, [...hanging.unfinished, ...left.withdrawn]);
  const receipt = { id: randomUUID(), counts: { ...counts, ...messages } };
  await audit(tx, {
    actor,
    act: "case erased",
    subject: `case:${id}`,
    detail: { receipt: receipt.id, reason, ...receipt.counts },
  });
  return { ...receipt, inQueues: { ...names, caseIds, repointed: left.repointed, restated: left.restated } };
}

/** The case and those merged into it, locked. */
async function casesThatGo(tx: PoolClient, id: string): Promise<string[]> {
  const { rows } = await tx.query<{ id: string; mergedInto: string | null }>(
    `select id, merged_into as "mergedInto" from "case" where id = $1 or merged_into = $1 order by id for update`,
    [id],
  );
  const found = rows.find((row) => row.id === id);
  if (!found) throw new UsageError(`id: there is no case ${id}`);
  if (found.mergedInto) throw new UsageError(`id: case ${id} was merged into ${found.mergedInto}, and is erased with it`);
  return rows.map((row) => row.id);
}

/**
 * Erases what is kept of an uploader, known by id or by address: submissions that are nobody's re-upload go, with everything recorded of
 * them. Re-uploads stay as nameless rows (a new id, the platform, the kind, the day), so that the numbers of cases and platforms stay as
 * they are. Known material that was learned from these uploads loses its fingerprints. Unfinished takedowns are withdrawn. The receipt
 * does not name the uploader.
 *
 * @throws UsageError naming the field when nothing is kept of it, no reason is given, or the reason names it.
 */
export async function eraseUploader(
  pool: Pool,
  platform: string,
  uploaderId: string,
  actor: string,
  reason: string,
): Promise<Receipt> {
  const why = reasonOf(reason);
  if (uploaderId === "") throw new UsageError("uploader: must not be empty");
  if (why.toLowerCase().includes(uploaderId.toLowerCase()))
    throw new UsageError("reason: must not name the uploader, because it stays in the audit log");
  const uploader = { platform, id: uploaderId };
  return transaction(pool, async (tx) => {
    await changeIndex(tx);
    const { nobodys, reuploads } = await submissionsBy(tx, platform, uploaderId);
    const all = [...nobodys, ...reuploads];
    const hanging = await hangingOn(tx, all);
    const learned = await idsOf(tx, "select id from reference where learned_from = any($1::text[])", [all]);
    const { counts: references, restated } = await emptyReferences(tx, learned);
    const names: Names = {
      submissionIds: all,
      alertIds: hanging.alertIds,
      takedownIds: hanging.takedownIds,
      others: [uploaderId],
    };
    const messages = await forgetMessages(tx, names, uploader);
    if (all.length + messages.parkedJobs + messages.waitingSubmissions === 0)
      throw new UsageError("uploader: nothing is kept of it on this platform");
    await deleteSubmissions(tx, nobodys);
    await makeNameless(tx, reuploads);
    await announceWithdrawals(tx, hanging.unfinished);
    const receipt = {
      id: randomUUID(),
      counts: {
        submissions: nobodys.length,
        submissionsMadeNameless: reuploads.length,
        alerts: hanging.alertIds.length,
        takedowns: hanging.takedownIds.length,
        ...references,
        ...messages,
      },
    };
    const detail = { platform, reason: why, ...receipt.counts };
    await audit(tx, { actor, act: "uploader erased", subject: `erasure:${receipt.id}`, detail });
    return { ...receipt, inQueues: { ...names, caseIds: [], repointed: [], restated, uploader } };
  });
}

async function submissionsBy(
  tx: PoolClient,
  platform: string,
  uploader: string,
): Promise<{ nobodys: string[]; reuploads: string[] }> {
  const { rows } = await tx.query<{ id: string; counted: boolean }>(
    `select id, exists (select from reupload u where u.submission_id = s.id) as counted from submission s
     where (platform = $1 or ($1 = '' and platform is null)) and (uploader_id = $2 or uploader_url = $2)
     order by id for update`,
    [platform, uploader],
  );
  return { nobodys: rows.filter((r) => !r.counted).map((r) => r.id), reuploads: rows.filter((r) => r.counted).map((r) => r.id) };
}

/** What {@link eraseCase} would remove; undefined when there is no such case. */
export async function wouldErase(
  db: Db,
  id: string,
): Promise<{ title: string; references: number; uploads: number; mergedFrom: number } | undefined> {
  const { rows } = await db.query<{ title: string; references: number; uploads: number; mergedFrom: number }>(
    `select title, (select count(*)::int from reference where case_id = c.id) as "references",
            (select count(*)::int from reupload where case_id = c.id) as uploads,
            (select count(*)::int from "case" m where m.merged_into = c.id) as "mergedFrom"
     from "case" c where id = $1`,
    [id],
  );
  return rows[0];
}

function reasonOf(text: string): string {
  const reason = lineOf("reason", text);
  if (reason === "") throw new UsageError("reason: must say why, without naming anybody: it stays in the audit log");
  return reason;
}

async function idsOf(tx: PoolClient, sql: string, values: unknown[]): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(sql, values);
  return rows.map(({ id }) => id);
}
