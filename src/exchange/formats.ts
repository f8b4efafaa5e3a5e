import type { Parsed } from "./entry.js";
import { readCsv, readJsonLines, readThreatExchange, readVpdq } from "./read-lines.js";
import { readNcmec } from "./read-ncmec.js";
import { readStopNcii } from "./read-stopncii.js";

export const FORMATS = ["csv", "jsonl", "threatexchange", "vpdq", "ncmec-xml", "stopncii-json"] as const;
export type Format = (typeof FORMATS)[number];

/** Reads a list as it arrives. Each may throw a FieldError when the list as a whole is broken. */
export const READERS: Record<Format, (chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Parsed>> = {
  csv: readCsv,
  jsonl: readJsonLines,
  threatexchange: readThreatExchange,
  vpdq: readVpdq,
  "ncmec-xml": (chunks) => readNcmec(chunks),
  "stopncii-json": (chunks) => readStopNcii(chunks),
};
