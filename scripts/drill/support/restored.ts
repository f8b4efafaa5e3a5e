import { createHash } from "node:crypto";
import pg from "pg";

/** What was seen recorded before the disaster: when, by the database's clock, and how. */
export type Witnessed = Map<string, { at: Date; kind: string }>;

const rowsOf = async <Row extends pg.QueryResultRow>(url: string, sql: string, values?: unknown[]): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
};

/** All verdicts, in plain SQL. */
export async function witness(url: string): Promise<Witnessed> {
  const rows = await rowsOf<{ id: string; at: Date; kind: string }>(
    url,
    "select submission_id as id, created_at as at, kind from verdict where origin = 'scan'",
  );
  return new Map(rows.map(({ id, at, kind }) => [id, { at, kind }]));
}

/** All that is known, as one hash: cases, references, every fingerprint. */
export async function knownDigest(url: string, exceptCase?: string): Promise<string> {
  const rows = await rowsOf<{ it: string }>(
    url,
    `select r.case_id || r.id || encode(r.sha256, 'hex') || f.at_ms || f.pdq::text as it
     from reference r join reference_fingerprint f on f.reference_id = r.id
     where r.retired_at is null and r.case_id is distinct from $1 order by r.id, f.id`,
    [exceptCase ?? null],
  );
  const hash = createHash("sha256");
  for (const { it } of rows) hash.update(it);
  return `${rows.length} fingerprints, ${hash.digest("hex").slice(0, 16)}`;
}

export const caseExists = async (url: string, id: string): Promise<boolean> =>
  (await rowsOf(url, `select 1 from "case" where id = $1`, [id])).length > 0;

/**
 * Recomputes the chain of the audit log by its definition rather than by the program: every row covers the one before it. Returns the
 * number of rows, and what is wrong.
 */
export async function auditChain(url: string, earlierHead: string): Promise<{ rows: number; broken?: string }> {
  const rows = await rowsOf<{ number: string; sha256: string; ours: string }>(
    url,
    `select number, encode(sha256, 'hex') as sha256, encode(sha256(coalesce(lag(sha256) over (order by number), '') || convert_to(
       jsonb_build_array(number, actor, act, subject, detail, floor(extract(epoch from created_at) * 1000000)::bigint)::text, 'UTF8')), 'hex') as ours
     from audit_log order by number`,
  );
  const wrong = rows.find((row, i) => Number(row.number) !== i + 1 || row.sha256 !== row.ours);
  if (wrong) return { rows: rows.length, broken: `row ${wrong.number} does not follow from the one before it` };
  if (!rows.some(({ sha256 }) => sha256 === earlierHead))
    return { rows: rows.length, broken: "the head noted before is not in it" };
  return { rows: rows.length };
}

export async function auditHead(url: string): Promise<string> {
  const rows = await rowsOf<{ it: string }>(
    url,
    "select encode(sha256, 'hex') as it from audit_log order by number desc limit 1",
  );
  return rows[0].it;
}

/** Submissions with more or less than one verdict by scan, or one alert and takedown where it is a match; by what is wrong. */
export async function doubledOrMissing(url: string, ids: string[]): Promise<string[]> {
  const rows = await rowsOf<{ id: string; verdicts: number; alerts: number; takedowns: number; kind: string | null }>(
    url,
    `select i.id, (select count(*)::int from verdict where submission_id = i.id and origin = 'scan') as verdicts,
            (select max(kind) from verdict where submission_id = i.id and origin = 'scan') as kind,
            (select count(*)::int from alert where submission_id = i.id) as alerts,
            (select count(*)::int from takedown where submission_id = i.id) as takedowns
     from unnest($1::text[]) as i (id)`,
    [ids],
  );
  return rows.flatMap(({ id, verdicts, alerts, takedowns, kind }) => {
    const matches = kind === "match" ? 1 : 0;
    return verdicts === 1 && alerts === matches && takedowns === matches
      ? []
      : [`${id}: ${verdicts} verdicts (${kind}), ${alerts} alerts, ${takedowns} takedowns`];
  });
}

/** The ids of all alerts, and takedowns with their attempt, as messages name them. */
export async function announced(url: string): Promise<Set<string>> {
  const rows = await rowsOf<{ id: string }>(
    url,
    "select id::text from alert union all select id || '-' || attempt from takedown",
  );
  return new Set(rows.map(({ id }) => id));
}

export const waiting = async (url: string): Promise<number> =>
  (
    await rowsOf<{ n: number }>(
      url,
      "select (select count(*)::int from intake) + (select count(*)::int from outbox where delivered_at is null) as n",
    )
  )[0].n;
