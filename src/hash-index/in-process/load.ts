import pg from "pg";
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
    await client.query("begin isolation level repeatable read read only");
    const { rows } = await client.query<{ seq: string }>("select coalesce(max(seq), 0)::text as seq from reference_change");
    const { references, numberOf } = await activeReferences(client);
    const variants = names();
    const options = { algorithms: { fingerprints: algorithm, patches: patchAlgorithm }, numberOf, variants };
    const segments: Segment[] = [];
    for (const name of ["fingerprints", "patches"] as const) {
      segments.push(...(await loadShape(client, name, options, segments.length + 1)));
    }
    return { references, variants: variants.all, segments, appliedSeq: rows[0].seq };
  } finally {
    await client.end();
  }
}

/** What the database sends of a column: all its values of a reference end to end, each of so many bytes. */
interface Sent {
  sql: string;
  bytes: number;
  read(values: Buffer, at: number): number;
}

const int16 = (column: string): Sent => ({ sql: `int2send(${column})`, bytes: 2, read: (values, at) => values.readInt16BE(at) });
const int32 = (column: string): Sent => ({ sql: `int4send(${column})`, bytes: 4, read: (values, at) => values.readInt32BE(at) });
const int64 = (column: string): Sent => ({
  sql: `int8send(${column})`,
  bytes: 8,
  read: (values, at) => 2 ** 32 * values.readInt32BE(at) + values.readUInt32BE(at + 4),
});

interface Source {
  table: string;
  /** The columns of the shape from the second on; a variant, which is the same for all that a row is about, is not one of them. */
  columns: Sent[];
  variant: "variant" | "''";
  /** A bit string is sent as its length in bits, four bytes, and then the bits. */
  hash: { sql: string; bytes: number };
}

const SOURCES: Record<ShapeName, Source> = {
  fingerprints: {
    table: "reference_fingerprint",
    columns: [int32("at_ms"), int32("until_ms")],
    variant: "variant",
    hash: { sql: "bit_send(pdq)", bytes: 36 },
  },
  patches: {
    table: "reference_patch",
    columns: [int32("at_ms"), int32("until_ms"), int16("x"), int16("y"), int16("side"), int64("id")],
    variant: "''",
    hash: { sql: "hash", bytes: 16 },
  },
};

interface Known {
  algorithms: Record<ShapeName, string>;
  numberOf: Map<number, number>;
  variants: ReturnType<typeof names>;
}

async function activeReferences(client: pg.Client) {
  const { rows } = await client.query<{ id: string; seq: string }>(
    "select id, seq from reference where retired_at is null order by seq",
  );
  return { references: rows.map((r) => r.id), numberOf: new Map(rows.map((r, number) => [Number(r.seq), number])) };
}

/**
 * A row has all of a reference that is of one variant: putting the values together takes the server about as long as sending a row for
 * each, and saves this process most of its work, which was the slower half.
 */
async function loadShape(
  client: pg.Client,
  name: ShapeName,
  { algorithms, numberOf, variants }: Known,
  firstId: number,
): Promise<Segment[]> {
  const { table, columns, variant, hash } = SOURCES[name];
  const algorithm = pg.escapeLiteral(algorithms[name]);
  const { rows } = await client.query<{ n: string }>(
    `select count(*) as n from ${table} h join reference r on r.id = h.reference_id
     where r.retired_at is null and h.algorithm = ${algorithm}`,
  );
  const segments = allocateFor(name, Number(rows[0].n), firstId);
  const add = adderOf(segments, name);
  const together = [...columns, hash].map(({ sql }) => `string_agg(${sql}, '')`);
  await copyOut(
    client,
    `select r.seq, h.* from reference r
     cross join lateral (
       select ${variant}, ${together.join(", ")} from ${table}
       where reference_id = r.id and algorithm = ${algorithm} group by 1 offset 0
     ) h
     where r.retired_at is null order by r.seq`,
    (row, at) => {
      const [seq, variantName, ...values] = fieldsOf(row, at);
      add(numberOf.get(Number(seq.readBigInt64BE()))!, variants.numberOf(variantName.toString()), values);
    },
  );
  for (const filled of segments) fillPostings(filled);
  return segments;
}

/** Takes a row into the segments, which it fills one after the other. */
function adderOf(segments: Segment[], name: ShapeName): (reference: number, variant: number, values: Buffer[]) => void {
  const { columns, variant, hash } = SOURCES[name];
  const { hashBytes } = SHAPES[name];
  let current = 0;
  let hashes = segments.length > 0 ? hashesOf(segments[0]) : undefined;
  return (reference, variantNumber, values) => {
    const sent = values[columns.length];
    for (let i = 0; i * hash.bytes < sent.length; i++) {
      if (segments[current].count === segments[current].capacity) hashes = hashesOf(segments[++current]);
      const segment = segments[current];
      const place = segment.count++;
      segment.columns[0][place] = reference;
      for (let c = 0; c < columns.length; c++) segment.columns[c + 1][place] = columns[c].read(values[c], i * columns[c].bytes);
      if (variant === "variant") segment.columns[columns.length + 1][place] = variantNumber;
      const end = (i + 1) * hash.bytes;
      hashes!.set(sent.subarray(end - hashBytes, end), place * hashBytes);
    }
  };
}

function allocateFor(name: ShapeName, count: number, firstId: number): Segment[] {
  const parts = Math.ceil(count / segmentLimit(name));
  return Array.from({ length: parts }, (_, i) =>
    allocateSegment(firstId + i, name, Math.floor(count / parts) + (i < count % parts ? 1 : 0), true),
  );
}

function fieldsOf(row: Buffer, at: number): Buffer[] {
  const fields: Buffer[] = [];
  for (let next = at; next < row.length; ) {
    const from = next + 4;
    next = from + row.readInt32BE(next);
    fields.push(row.subarray(from, next));
  }
  return fields;
}

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
