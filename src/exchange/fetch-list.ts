import type { Pool } from "pg";
import { UsageError } from "../errors.js";
import { FieldError } from "./entry.js";
import { RefusedError } from "./http.js";
import {
  bringIn,
  checkListName,
  type Imported,
  type ImportOptions,
  type ImportSteps,
  nothingImported,
  recordImport,
} from "./import-list.js";
import type { Checkpoint, Source } from "./source.js";

export type FetchOptions = Omit<ImportOptions, "replace" | "dryRun"> & {
  /** From the list's beginning, whatever was fetched before. */
  fromStart: boolean;
  onPage(pages: number): void;
};

/**
 * Fetches what is new in an exchange's list, page by page, each into known material as an import does. After every page the checkpoint is
 * kept, so a fetch that was interrupted goes on where it was; a page that the exchange no longer knows begins the list again.
 *
 * @throws UsageError when the exchange refuses, or answers what cannot be read; TransientError when it could not be reached.
 */
export async function fetchList(
  pool: Pool,
  steps: ImportSteps,
  source: Source,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<Imported> {
  checkListName(options.list);
  const total = nothingImported();
  const importing = { ...options, replace: false, dryRun: false };
  let at = options.fromStart ? {} : await readCheckpoint(pool, options.list, source);
  for (let pages = 1; ; pages++) {
    signal.throwIfAborted();
    const page = await pageOrRewound(source, at, (parsed) => bringIn(steps, parsed, importing, total), signal);
    at = page.next;
    await keepCheckpoint(pool, options.list, source, at, page.isLast);
    options.onPage(pages);
    if (page.isLast) break;
  }
  await recordImport(pool, total, importing);
  return total;
}

async function pageOrRewound(source: Source, at: Checkpoint, take: Parameters<Source["page"]>[1], signal: AbortSignal) {
  try {
    return await source.page(at, take, signal);
  } catch (error) {
    if (error instanceof FieldError)
      throw new UsageError(`${source.url.host} answered what cannot be read: ${error.field}: ${error.message}`);
    const start = source.rewound(at);
    const isForgotten = error instanceof RefusedError && [400, 404, 410].includes(error.status);
    if (!start || !isForgotten) throw error;
    return source.page(start, take, signal);
  }
}

/** @throws UsageError when the list comes from elsewhere: its checkpoint would mean nothing there. */
async function readCheckpoint(pool: Pool, list: string, { name, url }: Source): Promise<Checkpoint> {
  const { rows } = await pool.query<{ checkpoint: Checkpoint; source: string | null; url: string | null }>(
    "select checkpoint, source, source_url as url from hash_list where name = $1",
    [list],
  );
  if (rows.length === 0 || rows[0].source === null) return {};
  if (rows[0].source !== name || rows[0].url !== url.href)
    throw new UsageError(`--list: ${list} was fetched from another place: name another list, or use --from-start`);
  return rows[0].checkpoint;
}

async function keepCheckpoint(pool: Pool, list: string, { name, url }: Source, at: Checkpoint, isLast: boolean): Promise<void> {
  await pool.query(
    `insert into hash_list (name, source, source_url, checkpoint, fetched_at) values ($1, $2, $3, $4, case when $5 then now() end)
     on conflict (name) do update set source = $2, source_url = $3, checkpoint = $4, fetched_at = coalesce(excluded.fetched_at, hash_list.fetched_at)`,
    [list, name, url.href, at, isLast],
  );
}
