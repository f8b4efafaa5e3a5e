import type { Pool, PoolClient } from "pg";
import { UsageError } from "../errors.js";
import type { MediaKind } from "../model.js";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { changeIndex } from "../platform/index-lock.js";
import { type CaseClass, type CaseFields, caseIdOf, checkedFields } from "./case-fields.js";
import { keysOf, microsOf, type Page, pageOf, timeOf } from "./keyset.js";
import { moveAll } from "./merge.js";

export interface CaseRow {
  id: string;
  title: string;
  class: CaseClass;
  state: "open" | "closed";
  /** The case that has all of this one's material since they were merged. */
  mergedInto: string | null;
  /** Those that nobody dismissed. */
  uploads: number;
  /** Active ones. */
  references: number;
  openAlerts: number;
  lastUploadAt: Date | null;
  createdAt: Date;
}

export interface CaseReference {
  id: string;
  label: string;
  kind: MediaKind;
  durationMs: number;
  fingerprints: number;
  provenance: string;
  /** Its own; null when the case's holds. */
  class: CaseClass | null;
  legalBasis: string;
  retainUntil: Date | null;
  learnedFrom: string | null;
  retiredAt: Date | null;
  createdAt: Date;
}

export interface CaseDetail extends CaseRow {
  legalBasis: string;
  retainUntil: Date | null;
  closedAt: Date | null;
  updatedAt: Date;
  /** Ids of the cases that were merged into this one. */
  mergedFrom: string[];
  uploaders: number;
  platforms: number;
  /** Not yet removed, rejected, given up or withdrawn. */
  openTakedowns: number;
  removedTakedowns: number;
  known: CaseReference[];
}

const ROW = `
  c.id, c.title, c.class, case when c.closed_at is null then 'open' else 'closed' end as state, c.merged_into as "mergedInto",
  c.created_at as "createdAt", (select count(*)::int from reupload u where u.case_id = c.id) as uploads,
  (select count(*)::int from reference r where r.case_id = c.id and r.retired_at is null) as "references",
  (select count(*)::int from alert a where a.case_id = c.id and a.state = 'open') as "openAlerts",
  (select max(s.received_at) from reupload u join submission s on s.id = u.submission_id where u.case_id = c.id) as "lastUploadAt"`;

/** Newest first. `text` is looked for in the id and the title. Merged cases are among the closed ones. */
export async function listCases(
  db: Db,
  filter: { state?: "open" | "closed" | "all"; text?: string },
  page: Page,
): Promise<{ cases: CaseRow[]; next?: string }> {
  const [createdAt, id] = keysOf("cases", page, ["number", "text"]);
  const { rows } = await db.query<CaseRow & { micros: string }>(
    `select ${ROW}, ${microsOf("c.created_at")} as micros
     from "case" c
     where ($1 = 'all' or (c.closed_at is null) = ($1 = 'open'))
       and ($2::text is null or position(lower($2) in lower(c.id || ' ' || c.title)) > 0)
       and ($3::bigint is null or (c.created_at, c.id) < (${timeOf("$3::bigint")}, $4::text))
     order by c.created_at desc, c.id desc
     limit $5 + 1`,
    [filter.state ?? "all", filter.text || null, createdAt, id, page.limit],
  );
  const shown = pageOf("cases", rows, page, (row) => [Number(row.micros), row.id]);
  return { cases: shown.rows.map(({ micros: _, ...row }) => row), next: shown.next };
}

/** The case with its known material, or undefined. A merged case is a pointer: `mergedInto` says where everything is. */
export async function readCase(db: Db, id: string): Promise<CaseDetail | undefined> {
  const { rows } = await db.query<Omit<CaseDetail, "known">>(
    `select ${ROW}, c.legal_basis as "legalBasis", c.retain_until as "retainUntil", c.closed_at as "closedAt", c.updated_at as "updatedAt",
            array(select m.id from "case" m where m.merged_into = c.id order by m.id) as "mergedFrom",
            of.uploaders, of.platforms,
            (select count(*)::int from takedown t where t.case_id = c.id and t.state in ('queued', 'sent', 'acknowledged')) as "openTakedowns",
            (select count(*)::int from takedown t where t.case_id = c.id and t.state = 'removed') as "removedTakedowns"
     from "case" c, lateral (
       select count(distinct (s.platform, s.uploader_id)) filter (where s.uploader_id is not null)::int as uploaders,
              count(distinct s.platform)::int as platforms
       from reupload u join submission s on s.id = u.submission_id where u.case_id = c.id
     ) of
     where c.id = $1`,
    [id],
  );
  if (rows.length === 0) return undefined;
  const known = await db.query<CaseReference & { durationMs: string }>(
    `select id, label, kind, duration_ms as "durationMs", fingerprint_count as fingerprints, provenance, class, legal_basis as "legalBasis",
            retain_until as "retainUntil", learned_from as "learnedFrom", retired_at as "retiredAt", created_at as "createdAt"
     from reference where case_id = $1 order by retired_at is not null, seq desc`,
    [id],
  );
  return { ...rows[0], known: known.rows.map((row) => ({ ...row, durationMs: Number(row.durationMs) })) };
}

/**
 * Where new known material of a case belongs: the case itself, or the one it was merged into. `says` is what the person adding it must
 * hear first: that it was merged, or is closed (which is allowed). A case that does not exist yet is itself.
 */
export async function caseForMaterial(db: Db, id: string): Promise<{ id: string; says?: string }> {
  const { rows } = await db.query<{ id: string; closed: boolean }>(
    `select m.id, m.closed_at is not null as closed from "case" c join "case" m on m.id = coalesce(c.merged_into, c.id) where c.id = $1`,
    [id],
  );
  if (rows.length === 0) return { id };
  const merged = rows[0].id === id ? [] : [`case ${id} was merged into ${rows[0].id}`];
  const closed = rows[0].closed ? [`case ${rows[0].id} is closed, and stays so`] : [];
  const says = [...merged, ...closed].join("; ");
  return { id: rows[0].id, ...(says && { says }) };
}

/** @throws UsageError naming the field that is wrong, also when there is such a case. */
export async function createCase(
  pool: Pool,
  { id, ...fields }: { id: string } & Partial<CaseFields>,
  actor: string,
): Promise<CaseDetail> {
  caseIdOf(id);
  const { title = "", class: of = "other", legalBasis = "", retainUntil = null } = checkedFields(fields);
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query(
      `insert into "case" (id, title, class, legal_basis, retain_until) values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [id, title, of, legalBasis, retainUntil],
    );
    if (rowCount === 0) throw new UsageError(`id: there is a case ${id} already`);
    await audit(tx, { actor, act: "case created", subject: `case:${id}` });
    return (await readCase(tx, id))!;
  });
}

/** Changes the fields that are given. The audit log says which, not to what. Throws UsageError as {@link createCase} does. */
export async function updateCase(pool: Pool, id: string, fields: Partial<CaseFields>, actor: string): Promise<CaseDetail> {
  const checked = checkedFields(fields);
  const given = Object.keys(checked) as (keyof CaseFields)[];
  return changeCase(pool, id, { actor, act: "case changed", detail: { fields: given } }, async (tx) => {
    if (given.length === 0) return false;
    await tx.query(
      `update "case" set title = coalesce($2, title), class = coalesce($3, class), legal_basis = coalesce($4, legal_basis),
                         retain_until = case when $5 then $6 else retain_until end, updated_at = now() where id = $1`,
      [id, checked.title, checked.class, checked.legalBasis, "retainUntil" in checked, checked.retainUntil ?? null],
    );
    return true;
  });
}

/** Its material goes on being recognised. Closing a closed case does nothing. @throws UsageError when there is no such case. */
export async function closeCase(pool: Pool, id: string, actor: string): Promise<CaseDetail> {
  return changeCase(pool, id, { actor, act: "case closed" }, async (tx) => {
    const { rowCount } = await tx.query(
      `update "case" set closed_at = now(), updated_at = now() where id = $1 and closed_at is null`,
      [id],
    );
    return rowCount === 1;
  });
}

/** @throws UsageError when there is no such case, or it was merged: then the other one can be reopened. */
export async function reopenCase(pool: Pool, id: string, actor: string): Promise<CaseDetail> {
  return changeCase(pool, id, { actor, act: "case reopened" }, async (tx) => {
    const { rowCount } = await tx.query(
      `update "case" set closed_at = null, updated_at = now() where id = $1 and closed_at is not null`,
      [id],
    );
    return rowCount === 1;
  });
}

/** Locks the case, and audits the change when there was one. */
async function changeCase(
  pool: Pool,
  id: string,
  entry: { actor: string; act: string; detail?: Record<string, unknown> },
  change: (tx: PoolClient) => Promise<boolean>,
): Promise<CaseDetail> {
  return transaction(pool, async (tx) => {
    await lockCase(tx, id, "id");
    if (await change(tx)) await audit(tx, { ...entry, subject: `case:${id}` });
    return (await readCase(tx, id))!;
  });
}

async function lockCase(tx: PoolClient, id: string, field: string): Promise<void> {
  const { rows } = await tx.query<{ mergedInto: string | null }>(
    `select merged_into as "mergedInto" from "case" where id = $1 for no key update`,
    [id],
  );
  if (rows.length === 0) throw new UsageError(`${field}: there is no case ${id}`);
  if (rows[0].mergedInto) throw new UsageError(`${field}: case ${id} was merged into ${rows[0].mergedInto}; use that one`);
}

/**
 * Moves everything of a case to another: references, matches, alerts, takedowns, and its re-uploads, which are numbered anew by the time
 * they were received, each submission once. The merged case stays as a closed pointer. What the two had twice (the same file) is kept
 * active once. Where a reference had no class, legal basis or retention of its own, it takes along those of the case it leaves.
 *
 * @throws UsageError naming the field when one is missing, was merged itself, or both are the same.
 */
export async function mergeCases(pool: Pool, from: string, into: string, actor: string): Promise<CaseDetail> {
  if (from === into) throw new UsageError("into: a case cannot be merged into itself");
  return transaction(pool, async (tx) => {
    await changeIndex(tx);
    // In one order, so that two merges cannot wait for each other's case.
    for (const id of [from, into].sort()) await lockCase(tx, id, id === from ? "from" : "into");
    const moved = await moveAll(tx, from, into);
    await audit(tx, { actor, act: "case merged away", subject: `case:${from}`, detail: { into, ...moved } });
    await audit(tx, { actor, act: "case merged in", subject: `case:${into}`, detail: { from, ...moved } });
    return (await readCase(tx, into))!;
  });
}
