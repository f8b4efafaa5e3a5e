import pg from "pg";
import { prepareSession } from "../../platform/database.js";
import { isOfAlgorithm } from "../patches.js";
import { copyOut } from "./copy-out.js";
import { allocateSegment, fillPostings, hashesOf, type Segment, segmentLimit } from "./segment.js";
import { SHAPES, type ShapeName } from "./shape.js";

export interface LoadOptions {
  connectionString: string;
  /** Only hashes of these are loaded. */
  algorithm: string;
  patchAlgorithm: string;
}

/** Everything active at one moment. A reference's number is its place in `references`; a variant's, in `variants`. */
export interface Loaded {
  references: string[];
  variants: string[];
  segments: Segment[];
  /** The newest change of the references that this contains: see `reference_change`. */
  appliedSeq: string;
}

/** The connection's name while it loads; `reupload status` counts them. */
export const LOADING = "reupload-index loading";

/**
 * Reads all active fingerprints and patches by COPY, in one snapshot, and indexes them. Measured with the rest in `docs/scale.md`.
 *
 * @throws whatever the database does when it goes away.
 */
export async function loadSegments({ connectionString, algorithm, patchAlgorithm }: LoadOptions): Promise<Loaded> {
  const client = new pg.Client({ connectionString, application_name: LOADING, connectionTimeoutMillis: 15_000, keepAlive: true });
  client.on("error", () => {});
  await client.connect();
  try {
    await prepareSession(client);
    await client.query("begin isolation level repeatable read read only");
    const { rows } = await client.query<{ seq: string }>("select coalesce(max(seq), 0)::text as seq from reference_change");
    const { references, numberOf } = await activeReferences(client);
    const variants = names();
    const sources: Record<ShapeName, Source> = {
      fingerprints: {
        table: "reference_fingerprint",
        where: `p.algorithm = ${pg.escapeLiteral(algorithm)}`,
        columns: "p.at_ms, p.until_ms, p.variant, p.pdq",
        fill: (segment, place, row, field) => {
          segment.columns[3][place] = variants.numberOf(text(row, field(2)));
          // A bit string is sent as its length in bits and then the bits.
          return field(3) + 4;
        },
      },
      patches: {
        table: "reference_patch",
        where: isOfAlgorithm(pg.escapeLiteral(patchAlgorithm)),
        // Of a longer hash the first half is taken: see `PATCH_COLUMNS`.
        columns: "p.at_ms, p.until_ms, p.x, p.y, p.side, p.id, p.hash",
        fill: (segment, place, row, field) => {
          for (const column of [2, 3, 4]) segment.columns[column + 1][place] = row.readInt16BE(field(column));
          segment.columns[6][place] = Number(row.readBigInt64BE(field(5)));
          return field(6);
        },
      },
    };
    const segments: Segment[] = [];
    for (const name of ["fingerprints", "patches"] as const) {
      segments.push(...(await loadShape(client, name, sources[name], numberOf, segments.length + 1)));
    }
    return { references, variants: variants.all, segments, appliedSeq: rows[0].seq };
  } finally {
    await client.end();
  }
}

interface Source {
  table: string;
  /** On the table, as `p`; as the columns are. */
  where: string;
  columns: string;
  /** Fills the columns of its own; `field` is where a column's bytes begin in the row. Returns where the hash begins. */
  fill(segment: Segment, place: number, row: Buffer, field: (column: number) => number): number;
}

async function activeReferences(client: pg.Client) {
  const { rows } = await client.query<{ id: string; seq: string }>(
    "select id, seq from reference where retired_at is null order by seq",
  );
  return { references: rows.map((r) => r.id), numberOf: new Map(rows.map((r, number) => [Number(r.seq), number])) };
}

async function loadShape(
  client: pg.Client,
  name: ShapeName,
  { table, where, columns, fill }: Source,
  numberOf: Map<number, number>,
  firstId: number,
): Promise<Segment[]> {
  const from = `from ${table} p join reference r on r.id = p.reference_id where r.retired_at is null and ${where}`;
  const { rows } = await client.query<{ n: string }>(`select count(*) as n ${from}`);
  const segments = allocateFor(name, Number(rows[0].n), firstId);
  const { hashBytes } = SHAPES[name];
  let current = -1;
  let segment = segments[0];
  let hashes = new Uint8Array(new SharedArrayBuffer(0));
  await copyOut(client, `select r.seq, ${columns} ${from}`, (row, at) => {
    if (current < 0 || segment.count === segment.capacity) {
      segment = segments[++current];
      hashes = hashesOf(segment);
    }
    const field = fieldsOf(row, at);
    const place = segment.count++;
    segment.columns[0][place] = numberOf.get(Number(row.readBigInt64BE(field(-1))))!;
    segment.columns[1][place] = row.readInt32BE(field(0));
    segment.columns[2][place] = row.readInt32BE(field(1));
    const hash = fill(segment, place, row, field);
    for (let i = 0; i < hashBytes; i++) hashes[place * hashBytes + i] = row[hash + i];
  });
  for (const filled of segments) fillPostings(filled);
  return segments;
}

function allocateFor(name: ShapeName, count: number, firstId: number): Segment[] {
  const parts = Math.ceil(count / segmentLimit(name));
  return Array.from({ length: parts }, (_, i) =>
    allocateSegment(firstId + i, name, Math.floor(count / parts) + (i < count % parts ? 1 : 0), true),
  );
}

const starts = new Uint32Array(16);

/** Where each field's bytes begin; column -1 is the reference's seq. */
function fieldsOf(row: Buffer, at: number): (column: number) => number {
  let next = at;
  for (let field = 0; next < row.length; field++) {
    starts[field] = next + 4;
    next += 4 + row.readInt32BE(next);
  }
  return (column) => starts[column + 1];
}

const text = (row: Buffer, at: number): string => row.toString("utf8", at, at + row.readInt32BE(at - 4));

/** Numbers for names, in order of appearance. */
export function names(known: string[] = []): { all: string[]; numberOf(name: string): number } {
  const all = [...known];
  const numbers = new Map(all.map((name, number) => [name, number]));
  return {
    all,
    numberOf(name) {
      const number = numbers.get(name);
      if (number !== undefined) return number;
      numbers.set(name, all.length);
      return all.push(name) - 1;
    },
  };
}
