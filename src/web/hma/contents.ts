import type { Pool } from "pg";
import type { Signal } from "../../exchange/entry.js";
import { vpdqString } from "../../exchange/export-list.js";
import { materialOf } from "../../exchange/import-list.js";
import { nameOf } from "../../exchange/name-of.js";
import { ALGORITHM } from "../../fingerprint/fingerprint-frame.js";
import { hashToHex } from "../../fingerprint/hash.js";
import { LISTED, META_ALGORITHM } from "../../fingerprint/meta-pdq.js";
import { applyListed } from "../../hash-index/listed.js";
import { retireReference } from "../../hash-index/references.js";
import type { MediaKind } from "../../model.js";
import { audit } from "../../platform/audit.js";
import type { Db } from "../../platform/database.js";
import type { SignalType } from "./signals.js";

/** What came as hashes alone through this API; alerts name it as their list. */
export const HMA_LIST = "hma";

export interface Content {
  referenceId: string;
  /** The reference's place in commit order, which is a whole number as HMA's ids are. */
  id: number;
  caseId: string;
  kind: MediaKind;
  disableUntilTs: number;
  note: string | null;
  metadata: Record<string, unknown> | null;
}

const ENABLED = 1;

const SELECT = `select r.id as "referenceId", r.seq::int8 as id, r.case_id as "caseId", r.kind,
    coalesce(c.disable_until_ts, ${ENABLED}) as "disableUntilTs", c.note, c.metadata
  from reference r left join hma_content c on c.reference_id = r.id`;

type Row = Omit<Content, "id" | "disableUntilTs"> & { id: string; disableUntilTs: string };
const contentOf = (row: Row): Content => ({ ...row, id: Number(row.id), disableUntilTs: Number(row.disableUntilTs) });

export async function contentsOf(db: Db, referenceIds: string[]): Promise<Map<string, Content>> {
  const { rows } = await db.query<Row>(`${SELECT} where r.id = any($1::uuid[]) and r.retired_at is null`, [referenceIds]);
  return new Map(rows.map((row) => [row.referenceId, contentOf(row)]));
}

/** The active content of that number in that case. */
export async function findContent(db: Db, caseId: string, id: number): Promise<Content | undefined> {
  const { rows } = await db.query<Row>(`${SELECT} where r.case_id = $1 and r.seq = $2 and r.retired_at is null`, [caseId, id]);
  return rows.length > 0 ? contentOf(rows[0]) : undefined;
}

/** HMA's rule: 1 is enabled, 0 disabled, anything else is disabled until that time. */
export const isEnabled = ({ disableUntilTs }: Content, nowMs: number): boolean =>
  disableUntilTs === ENABLED || (disableUntilTs !== 0 && disableUntilTs * 1000 <= nowMs);

/** Remembers what came with content that was added. */
export async function noteContent(
  db: Db,
  referenceId: string,
  told: { note?: string; metadata?: Record<string, unknown> },
): Promise<void> {
  if (told.note === undefined && told.metadata === undefined) return;
  await db.query(
    `insert into hma_content (reference_id, note, metadata) values ($1, $2, $3)
     on conflict (reference_id) do update set note = coalesce($2, hma_content.note), metadata = coalesce($3, hma_content.metadata)`,
    [referenceId, told.note ?? null, told.metadata ?? null],
  );
}

export async function updateContent(
  db: Db,
  { referenceId }: Content,
  change: { disableUntilTs?: number; note?: string },
  actor: string,
): Promise<void> {
  await db.query(
    `insert into hma_content (reference_id, disable_until_ts, note) values ($1, coalesce($2, ${ENABLED}), $3)
     on conflict (reference_id) do update set disable_until_ts = coalesce($2, hma_content.disable_until_ts), note = coalesce($3, hma_content.note)`,
    [referenceId, change.disableUntilTs ?? null, change.note ?? null],
  );
  await audit(db, { actor, act: "bank content changed", subject: `reference:${referenceId}` });
}

/** A hash without its media becomes an entry of the list {@link HMA_LIST}. The same one again is the entry that it is. */
export async function addSignal(pool: Pool, caseId: string, signal: Signal, actor: string): Promise<Content> {
  const entry = `${caseId}/${nameOf(signal)}`;
  const material = materialOf({ place: "", entry, signal }, { list: HMA_LIST, caseId })!;
  await pool.query("insert into hash_list (name) values ($1) on conflict do nothing", [HMA_LIST]);
  const { added } = await applyListed(pool, HMA_LIST, { material: [material], withdrawn: [] }, ALGORITHM);
  const { rows } = await pool.query<Row>(`${SELECT} where r.provenance = $1 and r.list_entry = $2 and r.retired_at is null`, [
    HMA_LIST,
    entry,
  ]);
  const content = contentOf(rows[0]);
  if (added > 0) await audit(pool, { actor, act: "known material added", subject: `reference:${content.referenceId}` });
  return content;
}

/** Returns how many there were to remove. */
export async function removeContent(pool: Pool, content: Content | undefined, actor: string): Promise<number> {
  if (!content) return 0;
  await retireReference(pool, content.referenceId, actor);
  return 1;
}

/** The signals of content: Meta's PDQ of a still, the frames of a video. */
export async function signalsOfContent(db: Db, { referenceId, kind }: Content): Promise<Partial<Record<SignalType, string>>> {
  const { rows } = await db.query<{ hash: Buffer; quality: number; atMs: number }>(
    `select substring(bit_send(pdq) from 5) as hash, quality, at_ms as "atMs" from reference_fingerprint
     where reference_id = $1 and (variant = $2 or ($3 = 'image' and algorithm = $4) or ($3 = 'video' and variant = 'full'))
     order by at_ms`,
    [referenceId, LISTED, kind, META_ALGORITHM],
  );
  if (rows.length === 0) return {};
  return kind === "image" ? { pdq: hashToHex(rows[0].hash) } : { vpdq: vpdqString(rows) };
}
