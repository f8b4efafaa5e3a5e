import { STATUS_CODES } from "node:http";

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** A problem document (RFC 9457) without a type of its own. `detail` is for the caller's eyes: nothing internal. */
export function problem(status: number, detail?: string): { type: string; title: string; status: number; detail?: string } {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, ...(detail === undefined ? {} : { detail }) };
}
