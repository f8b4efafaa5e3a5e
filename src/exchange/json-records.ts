import { FieldError } from "./entry.js";
import { textOf } from "./text-of.js";

/** The longest record in characters. */
const LONGEST = 8 * 1024 * 1024;
/** Objects and arrays inside each other; beyond this there is nothing of use. */
const DEEPEST = 64;

export type JsonPart = { record: string; line: number } | { rest: Record<string, unknown> };

/**
 * Takes `{…, "<key>": [{…}, {…}], …}` apart as it arrives: each object of that array as its text, and at the end of each document all else
 * that stands beside it. Several documents may follow each other. Memory holds one record.
 *
 * @throws FieldError naming the line, when it is not such JSON.
 */
export async function* jsonRecords(chunks: AsyncIterable<Uint8Array>, key: string): AsyncGenerator<JsonPart> {
  let depth = 0;
  let line = 1;
  let inString = false;
  let escaped = false;
  /** Of the document, without its records; and of the record that is being read. */
  let beside = "";
  let record = "";
  let recordLine = 0;
  let inArray = false;
  const opensArray = new RegExp(`"${key}"\\s*:\\s*$`);
  const fail = (problem: string) => new FieldError(`line ${line}`, problem);
  for await (const text of textOf(chunks)) {
    for (const c of text) {
      if (c === "\n") line++;
      const inRecord = inArray && depth >= 3;
      if (inRecord) record += c;
      else if (depth > 0 || c.trim() !== "") beside += c;
      if (record.length > LONGEST || beside.length > LONGEST) throw fail(`a record has more than ${LONGEST} characters`);
      if (inString) {
        if (escaped) escaped = false;
        else if (c === "\\") escaped = true;
        else if (c === '"') inString = false;
        continue;
      }
      if (c === '"') {
        if (depth === 0) throw fail("is not a JSON object");
        if (depth === 2 && inArray) throw fail(`${key} must be an array of objects`);
        inString = true;
      } else if (c === "{" || c === "[") {
        if (depth === 0 && c !== "{") throw fail("must begin with {");
        if (depth === 1 && c === "[" && opensArray.test(beside.slice(0, -1))) inArray = true;
        if (depth === 2 && inArray) {
          if (c !== "{") throw fail(`${key} must be an array of objects`);
          beside = beside.slice(0, -1);
          record = c;
          recordLine = line;
        }
        if (++depth > DEEPEST) throw fail(`is nested more than ${DEEPEST} deep`);
      } else if (c === "}" || c === "]") {
        if (--depth < 0) throw fail("is not JSON");
        if (depth === 2 && inArray) {
          yield { record, line: recordLine };
          record = "";
          // One record was here; the commas between them go as well.
          beside += "0";
        } else if (depth === 1) inArray = false;
        else if (depth === 0) {
          yield { rest: restOf(beside, fail) };
          beside = "";
        }
      } else if (depth === 0 && c.trim() !== "") throw fail("is not a JSON object");
      else if (depth === 2 && inArray && c !== "," && c.trim() !== "") throw fail(`${key} must be an array of objects`);
      if (inArray && depth === 2 && beside.endsWith("0,")) beside = beside.slice(0, -2);
    }
  }
  if (depth > 0) throw fail("ends early: fetch it again");
}

function restOf(text: string, fail: (problem: string) => FieldError): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw fail("is not JSON");
  }
}
