import { ALGORITHM } from "../fingerprint/fingerprint-frame.js";
import { hashToHex } from "../fingerprint/hash.js";
import { LISTED, META_ALGORITHM } from "../fingerprint/meta-pdq.js";
import type { MediaKind } from "../model.js";
import type { Db } from "../platform/database.js";
import type { Signal, SignalFrame } from "./entry.js";

/** Known material as a list tells of it. */
export interface Exported {
  /** Its id in the list it came from; of our own, the reference's. */
  entry: string;
  caseId: string;
  label: string;
  signal: Signal;
  withdrawn: boolean;
  changedAt: Date;
}

export interface ExportFilter {
  caseId?: string;
  /** Only what came in this list. */
  list?: string;
  /** Also what is retired, as withdrawn. */
  withdrawn: boolean;
}

interface Row {
  seq: string;
  entry: string;
  caseId: string;
  label: string;
  kind: MediaKind;
  withdrawn: boolean;
  changedAt: Date;
  hashes: Buffer[] | null;
  qualities: number[] | null;
  times: number[] | null;
}

/** References read at a time; one has up to some thousand frames. */
const PAGE = 200;

/**
 * Known material with a hash that others can use, oldest first. Of stills that is Meta's PDQ, of videos the hashes of their frames: ours,
 * which lie 8 bits from Meta's (median; see `meta-pdq.ts`), or those of the list they came in. Still images that only have our own hash,
 * registered before Meta's was kept, come as their label.
 */
export async function* exportable(
  db: Db,
  { caseId, list, withdrawn }: ExportFilter,
): AsyncGenerator<Exported | { without: string }> {
  for (let after = "0"; ; ) {
    const { rows } = await db.query<Row>(
      `select r.seq, coalesce(r.list_entry, r.id::text) as entry, r.case_id as "caseId", r.label, r.kind,
              r.retired_at is not null as withdrawn, coalesce(r.retired_at, r.created_at) as "changedAt", f.*
       from reference r
       cross join lateral (
         select array_agg(substring(bit_send(pdq) from 5) order by at_ms) as hashes, array_agg(quality order by at_ms) as qualities,
                array_agg(at_ms order by at_ms) as times
         from reference_fingerprint
         where reference_id = r.id
           and (variant = $1 or (r.kind = 'image' and algorithm = $2) or (r.kind = 'video' and algorithm = $3 and variant = 'full'))
       ) f
       where r.seq > $4 and ($5::text is null or r.case_id = $5) and ($6::text is null or (r.provenance = $6 and r.list_entry is not null))
         and ($7 or r.retired_at is null)
       order by r.seq limit $8`,
      [LISTED, META_ALGORITHM, ALGORITHM, after, caseId ?? null, list ?? null, withdrawn, PAGE],
    );
    for (const row of rows) yield exportedOf(row);
    if (rows.length < PAGE) return;
    after = rows[rows.length - 1].seq;
  }
}

function exportedOf({ seq: _, hashes, qualities, times, kind, ...rest }: Row): Exported | { without: string } {
  const frames: SignalFrame[] = (hashes ?? []).map((hash, i) => ({ hash, quality: qualities![i], atMs: times![i] }));
  if (frames.length === 0) return { without: rest.label };
  return { ...rest, signal: kind === "image" ? { type: "pdq", frames: [frames[0]] } : { type: "vpdq", frames } };
}

/** A vPDQ signal string. Seconds are written in full; Meta's own tool keeps three digits. */
export const vpdqString = (frames: SignalFrame[]): string =>
  JSON.stringify(frames.map(({ hash, quality, atMs }) => `${hashToHex(hash)},${quality},${atMs / 1000}`));
