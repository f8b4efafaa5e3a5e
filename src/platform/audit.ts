import { createHash } from "node:crypto";
import type { Db } from "./database.js";

/** One read or act: who, what, on what. `detail` holds what else a later reader must know; no secrets, media URLs or hashes. */
export interface AuditEntry {
  /** As `actorOf` says it ("person:ana", "token:intake"), or "cli", "service", "anonymous". */
  actor: string;
  act: string;
  /** The kind and the id of what was read or changed, such as "alert:3f0c…" or "case:C-17". */
  subject: string;
  detail?: Record<string, unknown>;
}

export interface AuditRow {
  /** Counts from 1 without gaps, in the order of commits. */
  number: number;
  actor: string;
  act: string;
  subject: string;
  detail: Record<string, unknown>;
  createdAt: Date;
  /** Hexadecimal; covers this row and the hash of the one before it. */
  sha256: string;
}

export interface AuditFilter {
  subject?: string;
  actor?: string;
  /** Only rows with a smaller number: the cursor of the next page. */
  before?: number;
  limit: number;
}

export interface AuditCheck {
  /** How many rows were found in order, from the first. */
  rows: number;
  /** The last of their hashes, hexadecimal. Who keeps it elsewhere can later show that nothing up to it was changed or cut off. */
  head: string | null;
  /** The first row that is not as it was written. */
  broken?: { number: number; what: string };
  /** The row that `earlierHead` is the hash of; undefined when no row has it. */
  earlierHeadAt?: number;
}

/** How many rows are checked at a time. */
const BATCH = 5_000;
const BEFORE_ALL = "-9223372036854775808";

/** Postgres keeps neither NUL nor half a surrogate pair; names from outside may bring either. */
const storable = (text: string) => text.replaceAll("\0", "\ufffd").replace(/\p{Surrogate}/gu, "\ufffd");

/**
 * Appends to the audit log. In a transaction, make it the last statement: the log's lock (7233002) is held from here until the commit,
 * so that numbers follow commits.
 */
export async function audit(db: Db, { actor, act, subject, detail = {} }: AuditEntry): Promise<void> {
  const json = JSON.stringify(detail, (_, value) => (typeof value === "string" ? storable(value) : value));
  await db.query("insert into audit_log (actor, act, subject, detail) values ($1, $2, $3, $4)", [
    storable(actor),
    storable(act),
    storable(subject),
    json,
  ]);
}

/** The newest rows first, `limit` of them. */
export async function listAudit(db: Db, { subject, actor, before, limit }: AuditFilter): Promise<AuditRow[]> {
  const { rows } = await db.query<Omit<AuditRow, "number" | "sha256"> & { number: string; sha256: Buffer }>(
    `select number, actor, act, subject, detail, created_at as "createdAt", sha256
     from audit_log
     where ($1::text is null or subject = $1) and ($2::text is null or actor = $2) and ($3::bigint is null or number < $3)
     order by number desc
     limit $4`,
    [subject ?? null, actor ?? null, before ?? null, limit],
  );
  return rows.map((row) => ({ ...row, number: Number(row.number), sha256: row.sha256.toString("hex") }));
}

/** What stands in a row, as `audit_hash` of the migration hashes it. Hashed here, so that a changed `audit_hash` hides nothing. */
const CONTENT = `jsonb_build_array(number, actor, act, subject, detail, floor(extract(epoch from created_at) * 1000000)::bigint)::text`;

interface Link {
  number: string;
  sha256: Buffer;
  content: string;
}

const hashOf = (previous: Buffer | undefined, content: string) =>
  createHash("sha256")
    .update(previous ?? "")
    .update(content)
    .digest();

function whatIsWrong(link: Link, expected: number, previous: Buffer | undefined): AuditCheck["broken"] {
  const number = Number(link.number);
  if (number !== expected)
    return { number: expected, what: `row ${expected} is missing: row ${number} follows row ${expected - 1}` };
  if (hashOf(previous, link.content).equals(link.sha256)) return undefined;
  return { number, what: `row ${number} does not have the hash it was written with: it, or the row before it, was changed` };
}

/**
 * Reads the log from its first row and recomputes every hash. Rows cut off at the end leave a chain that is whole: only an
 * `earlierHead` (hexadecimal, printed by an earlier check and kept elsewhere) that is no longer in it shows that.
 */
export async function verifyAudit(db: Db, earlierHead?: string): Promise<AuditCheck> {
  const wanted = earlierHead?.toLowerCase();
  const check: AuditCheck = { rows: 0, head: null };
  let previous: Buffer | undefined;
  for (let after = BEFORE_ALL; ; ) {
    const { rows } = await db.query<Link>(
      `select number, sha256, ${CONTENT} as content from audit_log where number > $1 order by number limit $2`,
      [after, BATCH],
    );
    for (const link of rows) {
      const broken = whatIsWrong(link, check.rows + 1, previous);
      if (broken) return { ...check, broken };
      previous = link.sha256;
      check.rows++;
      check.head = previous.toString("hex");
      if (check.head === wanted) check.earlierHeadAt = check.rows;
    }
    if (rows.length < BATCH) return check;
    after = rows[rows.length - 1].number;
  }
}
