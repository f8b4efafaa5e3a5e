import { createHash } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { UsageError } from "../errors.js";
import type { ListChange, ListedMaterial } from "../model/listed.js";
import { audit } from "../platform/audit.js";
import { transaction } from "../platform/database.js";
import { type BadEntry, FieldError, isBad, type ListEntry, type Parsed } from "./entry.js";
import { digestOf } from "./name-of.js";

/** Entries that are brought up to date in one transaction, which holds verdicts up for as long: 0.1 to 0.2 s. */
const AT_ONCE = 1_000;

/** ... and fingerprints: a day of video may have 86,400. */
const FINGERPRINTS_AT_ONCE = 20_000;

/** What an import does to the set of references, handed in because it is the hash index's affair. */
export interface ImportSteps {
  apply(
    list: string,
    entries: { material: ListedMaterial[]; withdrawn: string[] },
    options: { dryRun: boolean },
  ): Promise<ListChange>;
  /** Active entries that the table `seen` of this session does not have, some at a time. */
  unseen(session: PoolClient, list: string, seen: string, limit: number): Promise<string[]>;
}

export interface ImportOptions {
  list: string;
  /** Where entries go that name no case of their own. */
  caseId: string;
  actor: string;
  /** The file is all of the list: what it does not have is withdrawn. */
  replace: boolean;
  dryRun: boolean;
  onBad(bad: BadEntry): void;
}

export interface Imported extends ListChange {
  /** Parts of the file that could not be used; each was told to `onBad`. */
  bad: number;
  /** Entries without a hash that we could look for; each was told to `onBad` as well. */
  unsupported: number;
  /** Entries that came more than once with the same hashes. */
  repeated: number;
  /** Why entries that the file does not have were left in place. */
  notReplaced?: string;
}

/**
 * Reads a list into known material, some entries at a time: memory does not grow with the list. What an earlier run had done is left as it
 * is, so an import that was interrupted is simply run again. With `replace` entries that the file does not have are withdrawn, but only
 * when every part of it could be read: a damaged file withdraws nothing.
 *
 * @throws UsageError when the file as a whole cannot be read; what was read before stays imported.
 */
export async function importList(
  pool: Pool,
  steps: ImportSteps,
  parsed: AsyncIterable<Parsed>,
  options: ImportOptions,
): Promise<Imported> {
  checkListName(options.list);
  const total = nothingImported();
  const session = options.replace ? await openSeen(pool) : undefined;
  try {
    await bringIn(steps, parsed, options, total, session);
    if (session) await withdrawUnseen(session, steps, total, options);
  } catch (error) {
    if (error instanceof FieldError) throw new UsageError(`${error.field}: ${error.message}`);
    throw error;
  } finally {
    // The session's table goes with it.
    session?.release(true);
  }
  if (!options.dryRun) await recordImport(pool, total, options);
  return total;
}

export const nothingImported = (): Imported => ({
  ...{ added: 0, unchanged: 0, changed: 0, withdrawn: 0 },
  ...{ bad: 0, unsupported: 0, repeated: 0 },
});

/** Brings what is parsed up to date and adds it to `total`; `session` notes what was seen. Throws what the parser throws. */
export async function bringIn(
  steps: ImportSteps,
  parsed: AsyncIterable<Parsed>,
  options: ImportOptions,
  total: Imported,
  session?: PoolClient,
): Promise<void> {
  for await (const chunk of chunksOf(parsed, total, options.onBad)) {
    if (session) await noteSeen(session, [...chunk.keys()]);
    const material = [...chunk.values()].flatMap((entry) => materialOf(entry, options) ?? []);
    const withdrawn = [...chunk.values()].filter((e) => e.signal === undefined).map((e) => e.entry);
    count(total, await steps.apply(options.list, { material, withdrawn }, options));
  }
}

/** @throws UsageError for a name that could be taken for our own material. */
export function checkListName(list: string): void {
  if (!/^[\x21-\x7e]{1,128}$/.test(list) || list === "own")
    throw new UsageError('--list: must be 1-128 printable characters without spaces, and not "own", which is our own material');
}

/** Entries by their id; of one that comes twice within a chunk the last counts. */
async function* chunksOf(
  parsed: AsyncIterable<Parsed>,
  total: Imported,
  onBad: (bad: BadEntry) => void,
): AsyncGenerator<Map<string, ListEntry>> {
  let chunk = new Map<string, ListEntry>();
  let fingerprints = 0;
  for await (const entry of parsed) {
    if (isBad(entry)) {
      total[entry.unsupported ? "unsupported" : "bad"]++;
      onBad(entry);
      continue;
    }
    const earlier = chunk.get(entry.entry);
    if (earlier?.signal && entry.signal && !digestOf(earlier.signal).equals(digestOf(entry.signal))) {
      total.bad++;
      onBad({ place: entry.place, field: "entry", problem: `was given other hashes at ${earlier.place}: the last ones count` });
    } else if (earlier) total.repeated++;
    chunk.set(entry.entry, entry);
    fingerprints += entry.signal?.frames.length ?? 0;
    if (chunk.size < AT_ONCE && fingerprints < FINGERPRINTS_AT_ONCE) continue;
    yield chunk;
    chunk = new Map();
    fingerprints = 0;
  }
  if (chunk.size > 0) yield chunk;
}

/** At a frame a second, the last frame stands for a second. */
const LAST_FRAME_MS = 1_000;

/** An entry as known material; undefined for one that is withdrawn. */
export function materialOf(entry: ListEntry, { list, caseId }: { list: string; caseId: string }): ListedMaterial | undefined {
  const { signal } = entry;
  if (!signal) return undefined;
  const digest = digestOf(signal);
  const isVideo = signal.type === "vpdq";
  return {
    entry: entry.entry,
    caseId: entry.caseId ?? caseId,
    // Whoever sees an alert must see that the hash is not our own.
    label: entry.label === undefined ? `list ${list}, entry ${entry.entry}` : `${entry.label} (list ${list})`,
    kind: isVideo ? "video" : "image",
    durationMs: isVideo ? (signal.frames.at(-1)?.atMs ?? 0) + LAST_FRAME_MS : 0,
    identity: createHash("sha256").update(`${list}\n${entry.entry}\n`).update(digest).digest(),
    fingerprints: signal.frames,
  };
}

function count(total: Imported, change: ListChange): void {
  for (const key of ["added", "unchanged", "changed", "withdrawn"] as const) total[key] += change[key];
}

const SEEN = "seen_entry";

async function openSeen(pool: Pool): Promise<PoolClient> {
  const session = await pool.connect();
  await session.query(`create temporary table ${SEEN} (entry text primary key)`);
  return session;
}

async function noteSeen(session: PoolClient, entries: string[]): Promise<void> {
  await session.query(`insert into ${SEEN} select unnest($1::text[]) on conflict do nothing`, [entries]);
}

async function withdrawUnseen(session: PoolClient, steps: ImportSteps, total: Imported, options: ImportOptions): Promise<void> {
  if (total.bad > 0) {
    total.notReplaced = `${total.bad} parts of it could not be read, so nothing that it does not have was withdrawn`;
    return;
  }
  for (;;) {
    const withdrawn = await steps.unseen(session, options.list, SEEN, AT_ONCE);
    if (withdrawn.length === 0) return;
    count(total, await steps.apply(options.list, { material: [], withdrawn }, options));
    // What is only counted does not go away by itself.
    await noteSeen(session, withdrawn);
  }
}

/** Remembers the list, and leaves an entry in the audit log. */
export async function recordImport(
  pool: Pool,
  { notReplaced: _, ...counts }: Imported,
  { list, actor, replace }: ImportOptions,
): Promise<void> {
  await transaction(pool, async (tx) => {
    await tx.query(
      "insert into hash_list (name, imported_at) values ($1, now()) on conflict (name) do update set imported_at = now()",
      [list],
    );
    await audit(tx, { actor, act: "hash list imported", subject: `list:${list}`, detail: { ...counts, replace } });
  });
}
