import type { Pool } from "pg";
import { UsageError } from "../errors.js";
import type { MediaKind } from "../model.js";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { isUuid } from "../platform/uuid.js";
import { type CaseClass, classOf, futureDate, lineOf } from "./case-fields.js";
import { keysOf, type Page, pageOf } from "./keyset.js";

/** One piece of known material. `class`, `legalBasis` and `retainUntil` are those that hold: its own, or else its case's. */
export interface KnownRow {
  id: string;
  caseId: string;
  caseTitle: string;
  label: string;
  kind: MediaKind;
  durationMs: number;
  fingerprints: number;
  /** "own", the name of a hash list, or how else it came here. */
  provenance: string;
  /** Its id in the hash list. */
  listEntry: string | null;
  /** The confirmed re-upload it was taken from. */
  learnedFrom: string | null;
  class: CaseClass;
  legalBasis: string;
  retainUntil: Date | null;
  retiredAt: Date | null;
  createdAt: Date;
}

export interface KnownDetail extends KnownRow {
  /** Hexadecimal, of the file as it was registered. */
  sha256: string;
  algorithm: string;
  patches: number;
  /** What stands in it itself; null and empty when the case's holds. */
  own: { class: CaseClass | null; legalBasis: string; retainUntil: Date | null };
  lookedBackAt: Date | null;
  /** Submissions that were found to show it, surely or for review. */
  submissions: number;
  lastFoundAt: Date | null;
  dismissals: number;
}

const ROW = `
  r.id, r.case_id as "caseId", c.title as "caseTitle", r.label, r.kind, r.duration_ms as "durationMs", r.fingerprint_count as fingerprints,
  r.provenance, r.list_entry as "listEntry", r.learned_from as "learnedFrom", coalesce(r.class, c.class) as class,
  case when r.legal_basis = '' then c.legal_basis else r.legal_basis end as "legalBasis",
  coalesce(r.retain_until, c.retain_until) as "retainUntil", r.retired_at as "retiredAt", r.created_at as "createdAt"`;

/** Newest first. `text` is looked for in the label, the case and the list entry. */
export async function listKnown(
  db: Db,
  filter: { caseId?: string; provenance?: string; class?: CaseClass; state?: "active" | "retired" | "all"; text?: string },
  page: Page,
): Promise<{ known: KnownRow[]; next?: string }> {
  const [seq] = keysOf("known", page, ["number"]);
  const { rows } = await db.query<KnownRow & { durationMs: string; seq: string }>(
    `select ${ROW}, r.seq
     from reference r join "case" c on c.id = r.case_id
     where ($1::text is null or r.case_id = $1) and ($2::text is null or r.provenance = $2)
       and ($3::text is null or coalesce(r.class, c.class) = $3)
       and ($4 = 'all' or (r.retired_at is null) = ($4 = 'active'))
       and ($5::text is null or position(lower($5) in lower(concat_ws(' ', r.label, r.case_id, r.list_entry))) > 0)
       and ($6::bigint is null or r.seq < $6)
     order by r.seq desc
     limit $7 + 1`,
    [
      filter.caseId ?? null,
      filter.provenance ?? null,
      filter.class ?? null,
      filter.state ?? "active",
      filter.text || null,
      seq,
      page.limit,
    ],
  );
  const shown = pageOf("known", rows, page, (row) => [Number(row.seq)]);
  return { known: shown.rows.map(({ seq: _, ...row }) => ({ ...row, durationMs: Number(row.durationMs) })), next: shown.next };
}

/** A reference with its provenance and what became of it, or undefined. */
export async function readReference(db: Db, id: string): Promise<KnownDetail | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<KnownDetail & { durationMs: string }>(
    `select ${ROW}, encode(r.sha256, 'hex') as sha256, r.algorithm, r.looked_back_at as "lookedBackAt",
            jsonb_build_object('class', r.class, 'legalBasis', r.legal_basis) as own, r.retain_until as "ownRetainUntil",
            (select count(*)::int from reference_patch p where p.reference_id = r.id) as patches,
            (select count(*)::int from dismissal d where d.reference_id = r.id) as dismissals,
            found.submissions, found."lastFoundAt"
     from reference r join "case" c on c.id = r.case_id, lateral (
       select count(distinct v.submission_id)::int as submissions, max(v.created_at) as "lastFoundAt"
       from match m join verdict v on v.id = m.verdict_id where m.case_id = r.case_id and m.reference_id = r.id
     ) found
     where r.id = $1`,
    [id],
  );
  if (rows.length === 0) return undefined;
  const { ownRetainUntil, own, ...row } = rows[0] as KnownDetail & { durationMs: string; ownRetainUntil: Date | null };
  return { ...row, durationMs: Number(row.durationMs), own: { ...own, retainUntil: ownRetainUntil } };
}

/** What can be said of a reference. `class` null, an empty `legalBasis` and `retainUntil` null: the case's hold. */
export interface ReferenceFields {
  label: string;
  class: CaseClass | null;
  legalBasis: string;
  retainUntil: Date | null;
}

/**
 * Changes the fields that are given. The audit log says which, not to what.
 *
 * @throws UsageError naming the field that is wrong, also when there is no such reference.
 */
export async function updateReference(
  pool: Pool,
  id: string,
  fields: Partial<ReferenceFields>,
  actor: string,
): Promise<KnownDetail> {
  const given = (["label", "class", "legalBasis", "retainUntil"] as const).filter((name) => fields[name] !== undefined);
  const label = fields.label === undefined ? undefined : labelOf(fields.label);
  const of = fields.class ? classOf(fields.class) : null;
  const legalBasis = fields.legalBasis === undefined ? undefined : lineOf("legalBasis", fields.legalBasis);
  const retainUntil = futureDate(fields.retainUntil ?? null);
  return transaction(pool, async (tx) => {
    const { rowCount } = isUuid(id)
      ? await tx.query(
          `update reference set label = coalesce($2, label), class = case when $3 then $4 else class end,
                                legal_basis = coalesce($5, legal_basis), retain_until = case when $6 then $7 else retain_until end
           where id = $1`,
          [id, label, fields.class !== undefined, of, legalBasis, fields.retainUntil !== undefined, retainUntil],
        )
      : { rowCount: 0 };
    if (rowCount === 0) throw new UsageError(`id: there is no reference ${id}`);
    if (given.length > 0)
      await audit(tx, { actor, act: "reference changed", subject: `reference:${id}`, detail: { fields: given } });
    return (await readReference(tx, id))!;
  });
}

function labelOf(value: string): string {
  const label = lineOf("label", value);
  if (label === "") throw new UsageError("label: must not be empty; it is what caseworkers see");
  return label;
}
