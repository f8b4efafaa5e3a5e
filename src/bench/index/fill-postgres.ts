import { randomUUID } from "node:crypto";
import pg from "pg";
import { hashesOf, postingsOf, type Segment } from "../../hash-index/in-process/segment.js";
import { bitColumns, POSTINGS_A_ROW } from "../../hash-index/posting-rows.js";
import { copyIn, createRows } from "./copy-in.js";
import { FRAMES_EACH } from "./generate.js";

export const ALGORITHM = "bench/1";

const CHUNK_BYTES = 1 << 20;

/** Keys with fewer postings than pack.ts would pack. */
const FEW = 4;

/** Puts the made-up hashes of a segment into an empty database as references of {@link FRAMES_EACH} fingerprints each, as a packed index has them. */
export async function fillPostgres(connectionString: string, segment: Segment): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(`insert into "case" (id) values ('bench')`);
    const references = await insertReferences(client, Math.ceil(segment.count / FRAMES_EACH));
    // The rows are made to fit each other: checking 10 million foreign keys would only take time.
    await client.query("set session_replication_role = replica");
    const columns = "(id, reference_id, algorithm, variant, at_ms, until_ms, quality, pdq)";
    await copyIn(client, `reference_fingerprint ${columns}`, fingerprintRows(segment, references));
    await client.query("drop index reference_posting_key");
    await copyIn(
      client,
      `reference_posting (fingerprint_id, key, neighbours, others, thirds, ${bitColumns})`,
      postingRows(segment),
    );
    await client.query("create index reference_posting_key on reference_posting (key)");
    await client.query("select setval(pg_get_serial_sequence('reference_fingerprint', 'id'), $1)", [segment.count]);
    await client.query("update posted_until set fingerprint_id = $1", [segment.count]);
    for (const table of ["reference_fingerprint", "reference_posting", "reference"])
      await client.query(`vacuum analyze ${table}`);
    await client.query("checkpoint");
  } finally {
    await client.end();
  }
}

async function insertReferences(client: pg.Client, count: number): Promise<Buffer[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await client.query(
    `insert into reference (id, case_id, label, kind, sha256, duration_ms, algorithm, fingerprint_count, provenance, looked_back_at)
     select id, 'bench', 'made up', 'video', sha256(id::text::bytea), 30000, $2, $3, 'own', now() from unnest($1::uuid[]) as id`,
    [ids, ALGORITHM, FRAMES_EACH],
  );
  return ids.map((id) => Buffer.from(id.replaceAll("-", ""), "hex"));
}

function* fingerprintRows(segment: Segment, references: Buffer[]): Generator<Buffer> {
  const hashes = hashesOf(segment);
  const rows = createRows(CHUNK_BYTES);
  const [algorithm, variant] = [Buffer.from(ALGORITHM), Buffer.from("full")];
  for (let place = 0; place < segment.count; place++) {
    const atMs = 500 * (place % FRAMES_EACH);
    rows.row(8);
    rows.int64(BigInt(place + 1));
    rows.bytes(references[Math.floor(place / FRAMES_EACH)]);
    rows.bytes(algorithm);
    rows.bytes(variant);
    rows.int32(atMs);
    rows.int32(atMs + 500);
    rows.int16(100);
    rows.bits(hashes.subarray(32 * place, 32 * place + 32));
    if (rows.room() < 1000) yield rows.take();
  }
  yield rows.take();
}

/** A word in memory has a band's bytes the other way round than the key in the database. */
const swapped = (value: number): number => ((value & 0xff) << 8) | (value >> 8);

type Rows = ReturnType<typeof createRows>;

function* postingRows(segment: Segment): Generator<Buffer> {
  const rows = createRows(CHUNK_BYTES);
  const words = new Uint16Array(hashesOf(segment).buffer, hashesOf(segment).byteOffset, 16 * segment.count);
  for (let band = 0; band < 16; band++)
    for (let value = 0; value < 65_536; value++) {
      const { places, next } = postingsOf(segment, band, value);
      const thirds = Uint16Array.from(places, (place) => swapped(words[16 * place + ((band + 2) % 16)]));
      const nexts = next.map(swapped);
      const step = places.length < FEW ? 1 : POSTINGS_A_ROW;
      for (let from = 0; from < places.length; from += step) {
        rows.row(21);
        rows.int64(BigInt(places[from] + 1));
        rows.int32(band * 65_536 + swapped(value));
        const part = [from, from + step] as const;
        if (step === 1) single(rows, nexts[from], thirds[from]);
        else packed(rows, places.subarray(...part), nexts.subarray(...part), thirds.subarray(...part));
        if (rows.room() < 4000) yield rows.take();
      }
    }
  yield rows.take();
}

function single(rows: Rows, next: number, third: number): void {
  rows.int32((next << 16) | third);
  rows.nulls(18);
}

function packed(rows: Rows, places: Uint32Array, nexts: Uint16Array, thirds: Uint16Array): void {
  rows.nulls(1);
  rows.int32s(Array.from(places, (place) => place - places[0]));
  rows.int16s(Array.from(thirds, (third) => third - 32_768));
  for (let bit = 0; bit < 16; bit++) rows.int32Pair(bitsOf(nexts.subarray(32), bit), bitsOf(nexts.subarray(0, 32), bit));
}

/** Bit n of the word is that bit of the nth value. */
function bitsOf(values: Uint16Array, bit: number): number {
  let word = 0;
  for (let i = 0; i < values.length; i++) word |= ((values[i] >> bit) & 1) << i;
  return word;
}
