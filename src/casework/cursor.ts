import { UsageError } from "../errors.js";

/** Where a page of a list ended: the list's name, and the values it is ordered by, of the last row. */
export function encodeCursor(list: string, values: (string | number)[]): string {
  return Buffer.from(JSON.stringify([list, ...values])).toString("base64url");
}

/**
 * What {@link encodeCursor} encoded, as text.
 *
 * @throws UsageError when it is no cursor, or one of another list or order.
 */
export function decodeCursor(list: string, cursor: string, count: number): string[] {
  const wrong = new UsageError("after: is not a cursor of this list in this order: leave it out to start at the top");
  const parsed = parseCursor(cursor);
  if (parsed.length !== count + 1 || parsed[0] !== list) throw wrong;
  if (!parsed.every((value) => /^[0-9a-z.:+ -]{1,64}$/i.test(String(value)))) throw wrong;
  return parsed.slice(1).map(String);
}

/** The list's name and the values that are in a cursor; empty when it is none. They are whatever somebody sent: to be checked. */
export function parseCursor(cursor: string): unknown[] {
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(values) ? values : [];
  } catch {
    return [];
  }
}

/** @throws UsageError when a page's length is not a whole number from 1 to 500. */
export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) throw new UsageError("limit: must be a whole number from 1 to 500");
}
