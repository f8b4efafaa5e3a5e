import { z } from "zod";
import {
  caseName,
  entryOr,
  FieldError,
  isWithdrawn,
  type ListEntry,
  type Parsed,
  pdqSignal,
  plainText,
  type Signal,
  vpdqSignal,
} from "./entry.js";
import { isLine, linesOf } from "./lines.js";
import { nameOf } from "./name-of.js";

type Chunks = AsyncIterable<Uint8Array>;

/** Entries of a list with one entry a line, by a parser of a line. */
async function* eachLine(chunks: Chunks, parse: (text: string, place: string) => ListEntry): AsyncGenerator<Parsed> {
  for await (const line of linesOf(chunks)) {
    const place = isLine(line) ? `line ${line.number}` : line.place;
    yield isLine(line) ? entryOr(place, () => parse(line.text, place)) : line;
  }
}

/** ThreatExchange's local file: `pdq <hash>`, one a line, or a bare hash; `vpdq <signal>` too. */
export function readThreatExchange(chunks: Chunks): AsyncGenerator<Parsed> {
  return eachLine(chunks, (text, place) => {
    const [, type, value] = /^([a-z_0-9]+)\s+(.*)$/.exec(text) ?? ["", "pdq", text];
    return { place, ...named(signalOf(type, value, "signal")) };
  });
}

/** vPDQ signal strings, one video a line, as Meta's `vpdq_to_json` writes them. */
export function readVpdq(chunks: Chunks): AsyncGenerator<Parsed> {
  return eachLine(chunks, (text, place) => ({ place, ...named(vpdqSignal("signal", jsonOf("signal", text))) }));
}

const named = (signal: Signal) => ({ entry: nameOf(signal), signal });

function signalOf(type: string, value: string, field: string): Signal {
  if (type === "pdq") return pdqSignal(field, value);
  if (type === "vpdq") return vpdqSignal(field, jsonOf(field, value));
  throw new FieldError("type", `${plainText("type", type, 64)} is not supported: only pdq and vpdq find altered copies`, {
    unsupported: true,
  });
}

function jsonOf(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FieldError(field, "is not JSON");
  }
}

const jsonEntry = z.object(
  {
    entry: z.string().optional(),
    type: z.string().default("pdq"),
    hash: z.string().optional(),
    quality: z.number().optional(),
    frames: z.array(z.unknown()).optional(),
    label: z.string().optional(),
    case: z.string().optional(),
    status: z.string().default("active"),
  },
  "must be an object",
);

/** JSON Lines: `{"entry", "type", "hash" | "frames", "quality", "label", "case", "status"}`; other keys are not looked at. */
export function readJsonLines(chunks: Chunks): AsyncGenerator<Parsed> {
  return eachLine(chunks, (text, place) => {
    const parsed = jsonEntry.safeParse(jsonOf("line", text));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new FieldError(issue.path.join(".") || "line", `is wrong: ${issue.message}`);
    }
    const { frames, hash, ...rest } = parsed.data;
    return entryOf({ ...rest, place, signal: frames ?? hash });
  });
}

interface Fields {
  place: string;
  type: string;
  signal?: string | unknown[];
  quality?: number;
  entry?: string;
  label?: string;
  case?: string;
  status: string;
}

/** What CSV and JSON Lines share. */
function entryOf(fields: Fields): ListEntry {
  const { place, type, signal: given, quality } = fields;
  const optional = {
    ...(fields.label !== undefined && { label: plainText("label", fields.label) }),
    ...(fields.case !== undefined && { caseId: caseName("case", fields.case) }),
  };
  if (isWithdrawn("status", fields.status) && fields.entry !== undefined)
    return { place, entry: plainText("entry", fields.entry), ...optional };
  if (given === undefined) throw new FieldError("hash", "is missing");
  const signal =
    typeof given === "string"
      ? type === "pdq"
        ? pdqSignal("hash", given, quality)
        : signalOf(type, given, "hash")
      : vpdqSignal("frames", given);
  const entry = fields.entry === undefined ? nameOf(signal) : plainText("entry", fields.entry);
  return { place, entry, ...optional, ...(isWithdrawn("status", fields.status) ? {} : { signal }) };
}

const COLUMNS = ["entry", "type", "hash", "quality", "label", "case", "status"] as const;

/**
 * CSV (RFC 4180, but a record is one line) whose first line names the columns: `hash`, and any of {@link COLUMNS}. Other columns are not
 * looked at.
 *
 * @throws FieldError when the header has no column `hash`.
 */
export async function* readCsv(chunks: Chunks): AsyncGenerator<Parsed> {
  let columns: string[] | undefined;
  for await (const line of linesOf(chunks)) {
    if (!isLine(line)) {
      if (!columns) throw new FieldError("header", `${line.problem}; the first line must name the columns`);
      yield line;
      continue;
    }
    if (!columns) {
      columns = fieldsOf(line.text).map((name) => name.trim().toLowerCase());
      if (!columns.includes("hash"))
        throw new FieldError("header", `the first line must name the columns: hash, and any of ${COLUMNS.join(", ")}`);
      continue;
    }
    const header = columns;
    const place = `line ${line.number}`;
    yield entryOr(place, () => csvEntry(place, header, fieldsOf(line.text)));
  }
}

function csvEntry(place: string, columns: string[], values: string[]): ListEntry {
  if (values.length !== columns.length)
    throw new FieldError("line", `has ${values.length} fields, and the header names ${columns.length}`);
  const value = (column: (typeof COLUMNS)[number]) => values[columns.indexOf(column)]?.trim() || undefined;
  const quality = value("quality");
  if (quality !== undefined && !/^\d{1,3}$/.test(quality))
    throw new FieldError("quality", "must be a whole number from 0 to 100");
  return entryOf({
    place,
    entry: value("entry"),
    type: value("type")?.toLowerCase() ?? "pdq",
    signal: value("hash"),
    quality: quality === undefined ? undefined : Number(quality),
    label: value("label"),
    case: value("case"),
    status: value("status") ?? "active",
  });
}

/** The fields of one record; a quote inside quotes is written twice. */
function fieldsOf(text: string): string[] {
  const fields: string[] = [];
  for (let at = 0; ; at++) {
    const quoted = /\s*"/y;
    quoted.lastIndex = at;
    if (!quoted.test(text)) {
      const comma = text.indexOf(",", at);
      fields.push(text.slice(at, comma < 0 ? undefined : comma));
      if (comma < 0) return fields;
      at = comma;
      continue;
    }
    let value = "";
    for (at = quoted.lastIndex; ; at += 2) {
      const quote = text.indexOf('"', at);
      if (quote < 0) throw new FieldError("line", "has a quote that is not closed on its line");
      value += text.slice(at, quote);
      at = quote;
      if (text[quote + 1] !== '"') break;
      value += '"';
    }
    fields.push(value);
    const comma = text.indexOf(",", at + 1);
    if (text.slice(at + 1, comma < 0 ? undefined : comma).trim() !== "")
      throw new FieldError("line", "has text after a closing quote");
    if (comma < 0) return fields;
    at = comma;
  }
}
