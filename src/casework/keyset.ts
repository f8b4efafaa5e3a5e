import { UsageError } from "../errors.js";
import { checkLimit, encodeCursor, parseCursor } from "./cursor.js";

/** Part of a list: what comes after the cursor `after` that an earlier part gave as `next`, `limit` rows at most (1 to 500). */
export interface Page {
  after?: string;
  limit: number;
}

/** What a list is sorted by: whole numbers, or texts of any kind. */
type Kind = "number" | "text";
type Key = string | number;

/**
 * The values in a cursor of the list `list`; all null for its beginning.
 *
 * @throws UsageError when it is none of this list's, or the page's length is out of bounds.
 */
export function keysOf(list: string, { after, limit }: Page, kinds: Kind[]): (Key | null)[] {
  checkLimit(limit);
  if (after === undefined) return kinds.map(() => null);
  const [name, ...keys] = parseCursor(after);
  if (name !== list || keys.length !== kinds.length || !kinds.every((kind, i) => isKey(kind, keys[i])))
    throw new UsageError('after: is no cursor of this list; leave it out to begin, then give the "next" of the last answer');
  return keys as Key[];
}

const isKey = (kind: Kind, value: unknown): boolean =>
  kind === "number" ? Number.isSafeInteger(value) : typeof value === "string" && !/[\0\p{Cs}]/u.test(value);

/** The first `limit` of `limit + 1` rows asked for, and the cursor of the rest if there is any. */
export function pageOf<Row>(
  list: string,
  rows: Row[],
  { limit }: Page,
  keyOf: (row: Row) => Key[],
): { rows: Row[]; next?: string } {
  if (rows.length <= limit) return { rows };
  const shown = rows.slice(0, limit);
  return { rows: shown, next: encodeCursor(list, keyOf(shown[limit - 1])) };
}

/** SQL: a time as a whole number of microseconds, exactly, and back. */
export const microsOf = (time: string): string => `floor(extract(epoch from ${time}) * 1000000)::bigint`;
export const timeOf = (micros: string): string => `(timestamptz 'epoch' + ${micros} * interval '1 microsecond')`;
