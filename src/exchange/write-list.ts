import { hashToHex } from "../fingerprint/hash.js";
import type { Exported } from "./export-list.js";
import { vpdqString } from "./export-list.js";
import type { Format } from "./formats.js";

/** How a format writes a list: around its entries, between them, and an entry, which is undefined where the format cannot say it. */
interface Writer {
  before: string;
  between: string;
  after: string;
  entry(exported: Exported): string | undefined;
}

const isStill = ({ signal }: Exported): boolean => signal.type === "pdq";
const hashOf = ({ signal }: Exported): string => hashToHex(signal.frames[0].hash);
const signalOf = (exported: Exported): string => (isStill(exported) ? hashOf(exported) : vpdqString(exported.signal.frames));

const LINES = { before: "", between: "", after: "" };

/** Spreadsheets run what begins so. */
const FORMULA = /^[=+\-@\t\r]/;
const csvField = (text: string): string => `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

const xmlText = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\P{Cc}\t\n]/gu, " ");

const WRITERS: Record<Format, Writer> = {
  csv: {
    ...LINES,
    before: "entry,type,hash,quality,label,case,status\n",
    entry: (e) => {
      const quality = isStill(e) ? e.signal.frames[0].quality : "";
      const status = e.withdrawn ? "withdrawn" : "active";
      return `${csvField(e.entry)},${e.signal.type},${csvField(signalOf(e))},${quality},${csvField(e.label)},${csvField(e.caseId)},${status}\n`;
    },
  },
  jsonl: {
    ...LINES,
    entry: (e) => {
      const frames = isStill(e) ? { hash: hashOf(e), quality: e.signal.frames[0].quality } : { frames: JSON.parse(signalOf(e)) };
      const rest = { label: e.label, case: e.caseId, status: e.withdrawn ? "withdrawn" : "active" };
      return `${JSON.stringify({ entry: e.entry, type: e.signal.type, ...frames, ...rest })}\n`;
    },
  },
  threatexchange: { ...LINES, entry: (e) => (e.withdrawn ? undefined : `${e.signal.type} ${signalOf(e)}\n`) },
  vpdq: { ...LINES, entry: (e) => (e.withdrawn || isStill(e) ? undefined : `${signalOf(e)}\n`) },
  "ncmec-xml": {
    before: `<?xml version="1.0" encoding="UTF-8"?>\n<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">\n  <images>\n`,
    between: "",
    after: "  </images>\n</queryResult>\n",
    entry: (e) => {
      if (!isStill(e)) return undefined;
      const about = `<id>${xmlText(e.entry)}</id><timestamp>${seconds(e.changedAt)}</timestamp>`;
      if (e.withdrawn) return `    <deletedImage>${about}</deletedImage>\n`;
      return `    <image>${about}<fingerprints><pdq>${hashOf(e)}</pdq></fingerprints></image>\n`;
    },
  },
  "stopncii-json": {
    before: '{"hashRecords":[\n',
    between: ",\n",
    after: '\n],"hasMoreRecords":false,"nextPageToken":""}\n',
    entry: (e) =>
      isStill(e)
        ? JSON.stringify({
            lastModtimestamp: Math.floor(e.changedAt.getTime() / 1000),
            signalType: "ImagePDQ",
            hashValue: hashOf(e),
            hashStatus: e.withdrawn ? "Withdrawn" : "Active",
            caseNumbers: {},
            CSPFeedbacks: [],
          })
        : undefined,
  },
};

/** As NCMEC writes times: without fractions of a second. */
const seconds = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");

export interface Written {
  written: number;
  /** What the format cannot say: videos, or withdrawals. */
  unsaid: number;
  /** Stills without a hash that others could use. */
  without: number;
}

/** A list as text, some at a time; `counts` says at the end what is in it. */
export async function* writeList(
  format: Format,
  exported: AsyncIterable<Exported | { without: string }>,
  counts: Written,
): AsyncGenerator<string> {
  const { before, between, after, entry } = WRITERS[format];
  yield before;
  for await (const one of exported) {
    if ("without" in one) {
      counts.without++;
      continue;
    }
    const text = entry(one);
    if (text === undefined) counts.unsaid++;
    else yield counts.written++ > 0 ? between + text : text;
  }
  yield after;
}
