import pg from "pg";
import { groupBy } from "../../fingerprint/group.js";
import { REFERENCES_CHANNEL } from "../../platform/channels.js";
import { prepareSession } from "../../platform/database.js";
import { pause } from "../../platform/deadline.js";
import type { Log } from "../../platform/log.js";
import { isOfAlgorithm, PATCH_COLUMNS } from "../patches.js";
import type { InProcessIndex, NewFingerprint, NewPatch } from "./in-process-index.js";

/** A notification may be lost with its connection; this is how long a change waits at most. Two of them are within a second. */
const POLL_MS = 400;

/** Between attempts to connect again. */
const RETRY_MS = 200;

/** Changes taken at a time, and fingerprints or patches read at a time: some milliseconds of work each. */
const CHANGES = 200;
const ROWS = 5_000;

/** The connection's name while the index answers; `reupload status` counts them. */
export const SERVING = "reupload-index serving";

export interface Follower {
  /** Applies every change that is committed by now. Throws when the database cannot be asked. */
  catchUp(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Keeps an index as the database is: at once when a change is notified, and by looking every {@link POLL_MS} in any case, on a connection
 * of its own that is opened again when it is lost.
 */
export function follow(
  connectionString: string,
  index: InProcessIndex,
  algorithms: { algorithm: string; patchAlgorithm: string },
  log: Log,
): Follower {
  const closing = new AbortController();
  let client: pg.Client | undefined;
  let ring = () => {};

  async function connected(): Promise<pg.Client> {
    if (client) return client;
    const fresh = new pg.Client({
      connectionString,
      application_name: SERVING,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      query_timeout: 30_000,
    });
    const lost = () => {
      if (client === fresh) client = undefined;
      ring();
    };
    fresh.on("notification", () => ring());
    fresh.on("error", lost);
    fresh.on("end", lost);
    await fresh.connect();
    await prepareSession(fresh);
    await fresh.query(`listen ${REFERENCES_CHANNEL}`);
    client = fresh;
    return fresh;
  }

  // One pass at a time. A pass asked for while one runs begins after it, and so sees what was committed before it was asked for.
  let last: Promise<void> = Promise.resolve();
  const catchUp = (): Promise<void> => {
    const next = last.catch(() => {}).then(async () => applyChanges(await connected(), index, algorithms));
    last = next;
    next.catch(() => {});
    return next;
  };

  async function run(): Promise<void> {
    let away = false;
    while (!closing.signal.aborted) {
      let rung = false;
      ring = () => {
        rung = true;
      };
      try {
        await catchUp();
        if (away) log.info("the hash index follows the references again");
        away = false;
      } catch (err) {
        if (closing.signal.aborted) return;
        if (!away) log.warn({ err }, "the hash index cannot follow the references; trying again");
        away = true;
        client = undefined;
      }
      if (rung && !away) continue;
      const quiet = pause(away ? RETRY_MS : POLL_MS, closing.signal);
      if (!away) ring = quiet.end;
      await quiet.over;
    }
  }

  const running = run();
  return {
    catchUp,
    close: async () => {
      closing.abort();
      await client?.end().catch(() => {});
      await running;
      // A pass may have connected while we were closing.
      await client?.end().catch(() => {});
    },
  };
}

/** Brings the index to what is committed, some changes at a time. */
async function applyChanges(
  client: pg.Client,
  index: InProcessIndex,
  algorithms: { algorithm: string; patchAlgorithm: string },
): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ seq: string; referenceId: string }>(
      `select seq::text as seq, reference_id as "referenceId" from reference_change where seq > $1 order by seq limit $2`,
      [index.appliedSeq(), CHANGES],
    );
    if (rows.length === 0) return;
    await applyReferences(client, index, [...new Set(rows.map((r) => r.referenceId))], algorithms);
    index.applied(rows[rows.length - 1].seq);
    if (rows.length < CHANGES) return;
  }
}

/** A change says only that something changed: what counts is how the references are now. */
async function applyReferences(
  client: pg.Client,
  index: InProcessIndex,
  ids: string[],
  { algorithm, patchAlgorithm }: { algorithm: string; patchAlgorithm: string },
): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    "select id from reference where id = any($1::uuid[]) and retired_at is null",
    [ids],
  );
  const active = new Set(rows.map(({ id }) => id));
  for (const id of ids) if (!active.has(id)) index.remove(id);
  const added = [...active].filter((id) => !index.isKnown(id));
  if (added.length === 0) return;
  // When the connection drops half way these numbers never finish, and the next pass begins with new ones.
  const numbers = new Map(added.map((id) => [id, index.begin(id)]));
  for await (const fingerprints of fingerprintsOf(client, added, algorithm))
    for (const [id, group] of groupBy(fingerprints, (f) => f.referenceId)) index.addFingerprints(numbers.get(id)!, group);
  for await (const patches of patchesOf(client, added, patchAlgorithm))
    for (const [id, group] of groupBy(patches, (p) => p.referenceId)) index.addPatches(numbers.get(id)!, group);
  for (const number of numbers.values()) index.finish(number);
}

type Fingerprint = NewFingerprint & { id: string; referenceId: string };
type Patch = NewPatch & { referenceId: string };

async function* fingerprintsOf(client: pg.Client, ids: string[], algorithm: string): AsyncGenerator<Fingerprint[]> {
  for (let after = "0"; ; ) {
    // A bit string is sent as its length in bits, four bytes, and then the bits.
    const { rows } = await client.query<Fingerprint>(
      `select id::text as id, reference_id as "referenceId", at_ms as "atMs", until_ms as "untilMs", variant,
              substring(bit_send(pdq) from 5) as pdq
       from reference_fingerprint where reference_id = any($1::uuid[]) and algorithm = $2 and id > $3
       order by id limit $4`,
      [ids, algorithm, after, ROWS],
    );
    yield rows;
    if (rows.length < ROWS) return;
    after = rows[rows.length - 1].id;
  }
}

async function* patchesOf(client: pg.Client, ids: string[], algorithm: string): AsyncGenerator<Patch[]> {
  for (let after = 0; ; ) {
    const { rows } = await client.query<Patch & { id: string }>(
      `select ${PATCH_COLUMNS}
       from reference_patch p where p.reference_id = any($1::uuid[]) and ${isOfAlgorithm("$2")} and p.id > $3
       order by p.id limit $4`,
      [ids, algorithm, after, ROWS],
    );
    const patches = rows.map((row) => ({ ...row, id: Number(row.id) }));
    yield patches;
    if (rows.length < ROWS) return;
    after = patches[patches.length - 1].id;
  }
}
